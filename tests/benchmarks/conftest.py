"""One million dossiers, made once per run; one home that the ingest benchmark fills and the others ask."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import kit

DOSSIERS = int(os.environ.get("CCHC_BENCH_DOSSIERS", "1000000"))
COMMUNES = 132
COLUMNS = (
    "dossier_code text, procedure_code text, department text, unit_code text, channel text, received_at timestamptz,"
    " due_at timestamptz, finished_at timestamptz, returned_at timestamptz, status text, fee_amount numeric,"
    " paid_online boolean, applicant text"
)


@dataclass
class Data:
    """The export, the same rows ready for a typed table, and the invented units they are about."""

    export: Path
    typed: Path
    units: Path
    rows: int


@dataclass
class Loaded:
    """The home after the ingest of the export, with what was measured on the way."""

    home: Path
    data: Data
    seconds: float
    memory: kit.Memory
    answer: dict[str, Any]
    floor_typed: list[float] = field(default_factory=list)
    floor_text: list[float] = field(default_factory=list)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    from synthetic.nights import write_plain_csv
    from synthetic.world import generate_province

    folder = tmp_path_factory.mktemp("million")
    world = generate_province(COMMUNES, DOSSIERS)
    rows = write_plain_csv(world, folder / "one_stop.csv")
    units = world.write_units(folder / "units.yaml")
    # The same 13 columns for the typed floor: ISO instants for dd/MM/yyyy, true/false for Có/Không, the rest as it is.
    with csv.open_csv(folder / "one_stop.csv", convert_options=csv.ConvertOptions(strings_can_be_null=True)) as reader:
        writer = None
        for batch in reader:
            arrays = []
            for name in batch.schema.names:
                column = batch[name]
                if name.startswith("Ngày"):
                    if not pa.types.is_timestamp(column.type):
                        column = pc.strptime(column.cast(pa.string()), "%d/%m/%Y %H:%M:%S", "s", error_is_null=True)
                    column = pc.strftime(pc.assume_timezone(column, "Asia/Ho_Chi_Minh"), "%Y-%m-%dT%H:%M:%S%z")
                elif name == "Thanh toán trực tuyến":
                    column = pc.equal(column, "Có")
                arrays.append(column)
            made = pa.RecordBatch.from_arrays(arrays, batch.schema.names)
            if writer is None:
                writer = csv.CSVWriter(folder / "typed.csv", made.schema, write_options=csv.WriteOptions(include_header=False))
            writer.write(made)
        assert writer is not None
        writer.close()
    return Data(folder / "one_stop.csv", folder / "typed.csv", units, rows)


@pytest.fixture(scope="session")
def loaded(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    """A home with the million in it, loaded by one `cchc ingest` between two runs of the floors."""
    from warehouse.engine import raw_connection

    root = tmp_path_factory.mktemp("home") / ".cchc"
    root.mkdir(mode=0o700)
    (root / "units.yaml").write_bytes(data.units.read_bytes())
    before = os.environ.get("CCHC_HOME")
    os.environ["CCHC_HOME"] = str(root)
    from flows.steps.home import open_home

    open_home().prepare()
    owner = raw_connection(root, role="owner")
    typed, text = [], []
    text_columns = ", ".join(f"c{n} text" for n in range(13))

    def floors() -> None:
        typed.append(kit.copy_floor(owner, "bench_typed", COLUMNS, data.typed))
        text.append(kit.copy_floor(owner, "bench_text", text_columns, data.export, "format csv, header"))

    floors()
    command = [*kit.CCHC, "ingest", str(data.export), "--contract", "one_stop", "--json"]
    seconds, status, memory = kit.run_watched(command, root, root / "answer.json", kit.parent_of(owner.info.backend_pid))
    floors()
    said = (root / "answer.json").read_text(encoding="utf-8")
    assert status == 0, said[-2000:]
    yield Loaded(root, data, seconds, memory, json.loads(said)["files"][0], typed, text)
    owner.close()
    if before is None:
        os.environ.pop("CCHC_HOME")
    else:
        os.environ["CCHC_HOME"] = before
