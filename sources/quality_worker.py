"""The worker behind `sources.quality`: the only process that imports Great Expectations.

It reads JSON lines on stdin and answers on stdout, one line each. It never sees a cell value: its input is a
table of booleans and the descriptions of the checks. Errors go to the log as type and place only, never as
text.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import queue
import select
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, Final

from sources import quality_docs, quality_store, quality_text

#: Charts, statistics and schemas that Great Expectations imports at start; they load at their first use.
LAZY: Final = frozenset({"altair", "scipy", "scipy.stats", "jsonschema", "mistune"})
#: An optional extra of Great Expectations (SQL data sources): left out as if it were not installed.
LEFT_OUT: Final = frozenset({"sqlalchemy"})
ROW_OK: Final = "_row_ok"
#: Contract severity → the severity Great Expectations stores and shows.
SEVERITIES: Final = {"reject_file": "critical", "quarantine": "warning", "warn": "info"}


class WorkerError(Exception):
    """A failure with a code that the parent knows how to word."""


class _Finder(importlib.abc.MetaPathFinder):
    """Defers the `LAZY` modules to their first use and leaves the `LEFT_OUT` ones uninstalled."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] in LEFT_OUT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if name not in LAZY:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


class Judge:
    """Great Expectations, imported and ready: an in-memory context with one data-frame batch definition."""

    def __init__(self) -> None:
        sys.meta_path.insert(0, _Finder())
        gc.disable()
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig
        from great_expectations.expectations.core.expect_column_values_to_be_in_set import (
            ExpectColumnValuesToBeInSet,
        )
        from great_expectations.expectations.metadata_types import FailureSeverity

        gc.freeze()
        gc.enable()
        self.gx, self._flag, self._severity = gx, ExpectColumnValuesToBeInSet, FailureSeverity
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("cchc").add_dataframe_asset("flags")
        self._batches = asset.add_batch_definition_whole_dataframe("file")

    def judge(self, request: dict[str, Any], store: Path) -> dict[str, Any]:
        """Validate one file's flags, keep the result, and return the verdict as JSON."""
        frame = self._frame(request)
        suite = self._suite(request, list(frame.columns))
        batch = self._batches.get_batch({"dataframe": frame})
        result = batch.validate(suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0})
        document = result.to_json_dict()
        verdict = conclude(request, document, len(frame))
        quality_store.save(store, verdict, document)
        return verdict

    @staticmethod
    def _frame(request: dict[str, Any]) -> Any:
        """Return the boolean frame: a column per check, and one that says whether the row is kept.

        Raises: WorkerError when the file of flags is unreadable, incomplete, or holds anything but booleans.
        """
        import pandas as pd
        import pyarrow as pa

        ids = [check["id"] for check in request["checks"]]
        try:
            with pa.memory_map(request["flags_path"]) as source:
                table = pa.ipc.open_file(source).read_all()
                if any(table.schema.field(name).type != pa.bool_() for name in ids):
                    raise WorkerError("flags_unreadable")
                frame = table.select(ids).to_pandas()
                rows = table.num_rows
        except (OSError, KeyError, pa.ArrowException):
            raise WorkerError("flags_unreadable") from None
        if frame.empty:
            frame = pd.DataFrame(True, index=range(rows), columns=ids, dtype=bool)
        holding = [check["id"] for check in request["checks"] if check["severity"] != "warn"]
        frame[ROW_OK] = frame[holding].all(axis=1) if holding else True
        frame[ROW_OK] = frame[ROW_OK].astype(bool)
        held = request["rows_quarantined"]
        if held is not None and held > int((~frame[ROW_OK]).sum()):
            raise WorkerError("flags_mismatch")
        return frame

    def _suite(self, request: dict[str, Any], columns: list[str]) -> Any:
        """Compile the contract's checks and the gate's thresholds into an expectation suite."""
        expect = self.gx.expectations
        gate = request["gate"]
        suite: list[Any] = []
        add = suite.append
        add(
            expect.ExpectTableColumnsToMatchSet(
                column_set=columns,
                exact_match=True,
                severity="critical",
                meta={"gate": "integrity", "rule": "columns"},
                description="Mỗi quy tắc của hợp đồng dữ liệu đều đã được kiểm tra",
            )
        )
        if request["rows_read"] is not None:
            add(
                expect.ExpectTableRowCountToEqual(
                    value=request["rows_read"],
                    severity="critical",
                    meta={"gate": "integrity", "rule": "rows"},
                    description="Mỗi dòng đã đọc đều đã được kiểm tra",
                )
            )
        add(
            expect.ExpectTableRowCountToBeBetween(
                min_value=gate["min_rows"],
                severity="critical",
                meta={"gate": "reject", "rule": "min_rows"},
                description=f"Tệp có ít nhất {quality_text.number(gate['min_rows'])} dòng dữ liệu",
            )
        )
        share = gate["max_quarantined_share"]
        add(
            self._in_set(
                ROW_OK,
                1 - share,
                "critical",
                f"Dòng phải giữ lại không quá {quality_text.percent(share)} số dòng",
                {"gate": "reject", "rule": "max_quarantined_share"},
            )
        )
        for check in request["checks"]:
            severity = check["severity"] if check["severity"] in SEVERITIES else "quarantine"
            label = quality_text.check_label(check)
            meta = {"gate": {"reject_file": "reject", "warn": "warn"}.get(severity, "quarantine"), **check}
            add(self._in_set(check["id"], 1, SEVERITIES[severity], label, {**meta, "label": label}))
            if (limit := gate["max_failed_share"].get(check["id"])) is not None:
                text = f"«{label}»: không quá {quality_text.percent(limit)} số dòng không đạt"
                add(
                    self._in_set(
                        check["id"],
                        1 - limit,
                        "critical",
                        text,
                        {"gate": "reject", "rule": "max_failed_share", "of": check["id"]},
                    )
                )
        return self.gx.ExpectationSuite(name=request["suite"], expectations=suite)

    def _in_set(self, column: str, mostly: float, severity: str, text: str, meta: dict[str, Any]) -> Any:
        """Return the expectation that the flag column is True in at least the share `mostly` of the rows."""
        return self._flag(
            column=column,
            value_set=[True],
            mostly=round(mostly, 9),
            severity=self._severity(severity),
            description=text,
            meta=meta,
        )


def conclude(request: dict[str, Any], document: dict[str, Any], rows: int) -> dict[str, Any]:
    """Return the verdict that follows from Great Expectations' result.

    Raises: WorkerError when an expectation could not be evaluated or the flags do not cover the file.
    """
    held, failed, broken = 0, [], []
    for item in document["results"]:
        config, outcome = item["expectation_config"], item["result"]
        meta = config["meta"]
        if item["exception_info"].get("raised_exception"):
            raise WorkerError("worker_failed")
        if meta["gate"] == "integrity" and not item["success"]:
            raise WorkerError("flags_mismatch")
        if meta["rule"] == "max_quarantined_share":
            held = int(outcome.get("unexpected_count") or 0)
        if not item["success"] and meta["gate"] == "reject":
            broken.append({"rule": meta["rule"] if "id" not in meta else "reject_file", **item})
        if "id" in meta and (count := int(outcome.get("unexpected_count") or 0)):
            keys = ("id", "rule", "column", "header", "label", "severity")
            failed.append({key: meta.get(key) for key in keys} | {"failed": count, "share": count / rows})
    failed.sort(key=lambda check: (-list(SEVERITIES)[::-1].index(check["severity"]), -check["failed"], check["id"]))
    status = "reject" if broken else "quarantine" if held else "pass"
    order = ("min_rows", "reject_file", "max_failed_share", "max_quarantined_share")
    reason = min((item["rule"] for item in broken), key=order.index, default=None)
    verdict = {
        "status": status,
        "rows": rows,
        "quarantined": held,
        "failed": failed,
        "reason": reason,
        "suite": request["suite"],
        "expectations": document["statistics"]["evaluated_expectations"],
        "expectations_met": document["statistics"]["successful_expectations"],
        "gate": request["gate"],
        "source": request["source"],
        "contract": request["contract"],
        "unit_name": request["unit_name"],
        "sha256": request["sha256"],
        "received_at": request["received_at"],
        "validation_id": quality_store.result_id(request["received_at"], request["sha256"]),
    }
    return verdict | {"message": quality_text.sentence(verdict)}


def _listen(lines: queue.SimpleQueue[bytes], parent: int) -> None:
    """Feed stdin to the queue; end the process when stdin closes or the parent is gone."""
    buffer = b""
    while True:
        if select.select([0], [], [], 1.0)[0]:
            chunk = os.read(0, 1 << 16)
            if not chunk:
                os._exit(0)
            *whole, buffer = (buffer + chunk).split(b"\n")
            for line in whole:
                lines.put(line)
        elif os.getppid() != parent:
            os._exit(0)


def _note(error: BaseException) -> None:
    """Log where an error happened, without its text (a text may quote data)."""
    places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    print(f"{type(error).__name__}: {' < '.join(reversed(places[-12:]))}", file=sys.stderr, flush=True)


def serve(lines: queue.SimpleQueue[bytes], out: BinaryIO, store: Path) -> None:
    """Answer requests one by one, for ever."""
    judge: Judge | None = None
    with contextlib.suppress(Exception):
        judge = Judge()
    while True:
        message = json.loads(lines.get())
        answer: dict[str, Any] = {"id": message["id"]}
        try:
            judge = judge or Judge()
            if message["op"] == "judge":
                answer["value"] = judge.judge(message["request"], store)
            else:
                index = quality_docs.build(store, Path(message["docs_dir"]), int(message["keep"]))
                answer["value"] = {"index": str(index)}
        except WorkerError as error:
            answer["error"] = str(error)
        except Exception as error:
            _note(error)
            answer["error"] = "worker_failed"
        out.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
        out.flush()


def main() -> None:
    """Run the worker. The protocol keeps the real stdout; anything else that prints goes to the log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines, int(sys.argv[1])), daemon=True).start()
    serve(lines, out, Path.cwd())


if __name__ == "__main__":
    main()
