"""The demonstration files through the real reader: it must find exactly what the truth says, and the true values."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from sources.contract import builtin_contracts
from sources.parse import parse_file
from synthetic.world import World
from synthetic.writers import ExportSet

LOCAL = dt.timezone(dt.timedelta(hours=7))


def _read(folder: Path, name: str) -> pd.DataFrame:
    with pa.memory_map(str(folder / name)) as source:
        return pa.ipc.open_file(source).read_all().to_pandas()


def _same(found: pd.Series, true: pd.Series) -> bool:
    """Whether two columns say the same, unknowns included."""
    if found.dtype.kind == "M":
        found = found.dt.tz_convert("Asia/Ho_Chi_Minh").dt.tz_localize(None).astype("datetime64[us]")
        return found.equals(true.astype("datetime64[us]"))
    left, right = (series.astype(object).where(series.notna(), None).tolist() for series in (found, true))
    return left == right


@pytest.mark.slow
def test_the_reader_finds_the_truth(world: World, demo: ExportSet, tmp_path: Path) -> None:
    contracts = builtin_contracts()
    truth = world.dossiers.set_index("dossier_code")
    for number, (path, export) in enumerate(zip(demo.paths, demo.exports, strict=True)):
        out = tmp_path / str(number)
        out.mkdir()
        received = dt.datetime.fromisoformat(export.exported_at).replace(tzinfo=LOCAL)
        result = parse_file(
            path,
            display_name=path.name,
            contracts=contracts,
            unit=None,
            received_at=received,
            token_key=b"k" * 32,
            out_dir=out,
        )
        assert (result.status == "ok") == export.usable, (path.name, result.message)
        if not export.usable:
            continue
        assert result.contract == export.contract, path.name
        counted = (result.rows_read, result.rows_ok, result.rows_quarantined)
        assert counted == (export.rows_read, export.rows_accepted, export.rows_quarantined), path.name
        said = sorted((entry["row"], entry["rule"], entry["column"]) for entry in result.quarantine)
        assert said == sorted((row["row"], row["rule"], row["column"]) for row in export.quarantine), path.name
        corrected = any(other.supersedes == export.path for other in demo.exports)
        if result.table == "dossiers" and not corrected:
            rows = _read(out, "rows.arrow")[_read(out, "marks.arrow")["_ok"].to_numpy()].set_index("dossier_code")
            for name in set(rows.columns) & set(truth.columns):
                assert _same(rows[name], truth.loc[rows.index, name]), (path.name, name)
