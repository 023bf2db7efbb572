"""From a file to committed facts: snapshot, claim, parse, judge, merge, all or nothing."""

from __future__ import annotations

import importlib
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flows.steps.events import note
from flows.steps.failpoints import reached
from flows.steps.files import FileResult, Request, files_of, path_text
from flows.steps.home import ZONE, Home, code_version, now
from flows.steps.ingest_records import describe, empty_verdict, held_back, keep_contract, received_by, units_of
from flows.steps.trouble import patiently
from sources import snapshot

if TYPE_CHECKING:
    from sources.contract import Contract
    from sources.quality import Gate
    from sources.result import ParseResult
    from warehouse.database import Transaction
    from warehouse.load import Merged, ParsedRows

#: Units that an event names; of a province's file the ledger tells the rest.
UNITS_TOLD: Final = 200
LEFTOVER_S: Final = 6 * 3600
Progress = Callable[[str, int, int], None]


@contextmanager
def gate_of(home: Home) -> Iterator[Gate]:
    """Open the quality gate; its worker starts with the first file that needs it."""
    from sources.quality import Gate

    with Gate(home.root, home.reports / "data_docs") as gate:
        yield gate


def ingest(home: Home, paths: Sequence[Path], request: Request, progress: Progress | None = None) -> list[FileResult]:
    """Load files one after the other; each is one transaction. Never raises for a bad file."""
    if request.unit is not None:
        moment = request.received_at or now()
        home.commune(request.unit, moment.date(), ended=True)
    with gate_of(home) as gate:
        return ingest_files(home, [(path, request) for path in files_of(paths)], gate, progress)


def ingest_files(
    home: Home, wanted: Sequence[tuple[Path, Request]], gate: Gate, progress: Progress | None = None
) -> list[FileResult]:
    """Take files through the chain in their order; the next one is read while the present one is judged and merged."""
    from warehouse import outage

    results: list[FileResult] = []
    reading: list[Future[Opened]] = []
    _sweep(home)
    with ThreadPoolExecutor(1) as ahead, ExitStack() as cleanup:

        def read(number: int) -> None:
            """Begin to read a file, if there is one of that number; what is read is let go of when nobody takes it."""
            reading[:] = [ahead.submit(_open, home, *wanted[number], gate)] if number < len(wanted) else []
            cleanup.pop_all()
            for future in reading:
                cleanup.callback(_let_go, future)

        read(0)
        for number, (path, request) in enumerate(wanted):
            if progress:
                progress(snapshot.shown_name(path), number, len(wanted))
            tried: list[FileResult] = []
            try:
                opened = reading.pop().result()
                tried.append(opened.result)
                read(number + 1)
                with opened.held:
                    results.append(_finish(home, opened, gate))
            except Exception as error:
                if not outage.is_away(error):
                    raise
                cleanup.close()  # the claim on what was read ahead is lost as well, or is the one this file waits for
                results.append(ingest_file(home, path, request, gate, tried))
                read(number + 1)
        cleanup.pop_all()
    if any(result.verdict for result in results):
        _build_docs(gate, results)
    return results


def _sweep(home: Home) -> None:
    """Remove what killed processes left behind: no parse lasts as long as LEFTOVER_S."""
    before = time.time() - LEFTOVER_S
    snapshot.sweep(home.snapshots, int(before * 1e9))
    for folder in home.work.glob("tmp*"):
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < before:
                shutil.rmtree(folder, ignore_errors=True)


def _let_go(reading: Future[Opened]) -> None:
    """Free what a file read ahead holds, when the present one failed."""
    if not reading.cancel() and reading.exception() is None:
        reading.result().held.close()


def _build_docs(gate: Gate, results: list[FileResult]) -> None:
    """Rebuild the quality pages; a failure there is a warning, the facts are in."""
    from sources.quality import GateError

    try:
        gate.build_docs()
    except GateError as error:
        results[-1].warnings.append(str(error))


def ingest_file(home: Home, path: Path, request: Request, gate: Gate, tried: Sequence[FileResult] = ()) -> FileResult:
    """Take one file through the chain; when the database goes away meanwhile, start over with the file once it is back.

    tried: results of earlier attempts. One of them may have been committed without anybody hearing of it: then it was this
    call that loaded the file.
    """
    attempts = list(tried)

    def once() -> FileResult:
        opened = _open(home, path, request, gate)
        attempts.append(opened.result)
        with opened.held:
            result = _finish(home, opened, gate)
        ours = next((each for each in attempts if each is not result and each.load_id == result.load_id), None)
        if result.status != "duplicate" or ours is None:
            return result
        ours.status = "loaded"
        return ours

    return patiently(once)


@dataclass
class Opened:
    """A file that was taken, claimed and parsed. held: its claim and its work folder. parsed is None when all is said."""

    result: FileResult
    held: ExitStack
    request: Request
    known_from: datetime
    taken: snapshot.Snapshot | None = None
    parsed: ParseResult | None = None
    folder: Path | None = None


def _open(home: Home, path: Path, request: Request, gate: Gate) -> Opened:
    """Take a file into the store, claim its content, parse it."""
    from warehouse import ledger

    moment = now()
    opened = Opened(FileResult(path=path_text(path)), ExitStack(), request, request.received_at or moment)
    result = opened.result
    try:
        opened.taken = taken = snapshot.take(path, home.snapshots)
    except snapshot.SnapshotError as error:
        result.reason, result.message = error.code, str(error)
        return opened
    result.sha256 = taken.sha256
    reached("snapshot_taken")
    with home.database.begin() as tx:
        known = ledger.file_row(tx, taken.sha256)
        ledger.record_arrival(
            tx, sha256=taken.sha256, size=taken.size, suffix=taken.suffix, name=taken.name, location=path_text(path.absolute()),
            modified_ns=taken.modified_ns, origin=request.origin, received_by=received_by(), received_at=opened.known_from,
            now=moment,
        )  # fmt: skip
        if known is None:
            note(tx, "file.arrived", f"file:{taken.sha256}", origin=request.origin)
    reached("arrival_recorded")
    with ExitStack() as held:
        # The claim is a lock of the database session: whoever dies lets go of it, and the next one starts over.
        held.enter_context(home.database.session_lock(f"content:{taken.sha256}"))
        reached("content_claimed")
        with home.database.begin() as tx:
            load = ledger.load_of(tx, taken.sha256)
        if load is not None:
            _duplicate(result, load)
            return opened
        if gate.pid is None:
            gate.start()
            # Needed once the file is parsed, and a second to import: the child parses meanwhile.
            threading.Thread(target=importlib.import_module, args=("pandas",), daemon=True).start()
        home.work.mkdir(mode=0o700, exist_ok=True)
        opened.folder = folder = Path(tempfile.mkdtemp(dir=home.work))
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        opened.parsed = _parse(home, taken, list(request.contracts), request.unit, opened.known_from, folder)
        reached("parsed")
        opened.held = held.pop_all()
    return opened


def _finish(home: Home, opened: Opened, gate: Gate) -> FileResult:
    """Judge and merge what was parsed, or say why it cannot be."""
    from sources.quality import GateError

    result, parsed, taken = opened.result, opened.parsed, opened.taken
    if parsed is None or taken is None or opened.folder is None:
        return result
    describe(result, parsed)
    contract = next((c for c in opened.request.contracts if c.name == parsed.contract), None)
    if parsed.status != "ok" or contract is None:
        return _reject(home, result, taken, parsed.reason, parsed.message)
    try:
        return _commit(home, taken, contract, parsed, opened.folder, gate, result, opened.known_from, opened.request.unit)
    except GateError as error:
        result.status, result.reason, result.message = "rejected", "quality_gate_failed", str(error)
        return result


def _reject(home: Home, result: FileResult, taken: snapshot.Snapshot, reason: str | None, message: str | None) -> FileResult:
    """Note that a file is unusable; it stays in the store, nothing of it is loaded."""
    from warehouse import ledger

    result.status, result.reason, result.message = "rejected", reason, message
    with home.database.begin() as tx:
        before = ledger.file_row(tx, taken.sha256)
        ledger.set_file(
            tx, taken.sha256, "rejected", now(), reason=reason, message=message, contract=result.contract, source=result.source
        )
        if before is None or (before["state"], before["reason"]) != ("rejected", reason):
            note(tx, "file.rejected", f"file:{taken.sha256}", reason=reason)
    return result


def _duplicate(result: FileResult, load: dict[str, Any]) -> FileResult:
    result.status, result.source, result.contract = "duplicate", load["source"], load["contract"]
    result.load_id = load["load_id"]
    result.message = f"Nội dung này đã nạp ngày {load['loaded_at'].astimezone(ZONE):%d/%m/%Y}; không nạp lại."
    return result


def _parse(
    home: Home,
    taken: snapshot.Snapshot,
    contracts: list[Contract],
    unit: str | None,
    known_from: datetime,
    folder: Path,
) -> ParseResult:
    from sources.child import parse_in_child

    return parse_in_child(
        taken.path, display_name=taken.name, contracts=contracts, unit=unit, received_at=known_from,
        token_key=home.token_key, out_dir=folder, units_extra=home.units_extra,
    )  # fmt: skip


def _commit(
    home: Home, taken: snapshot.Snapshot, contract: Contract, parsed: ParseResult, folder: Path, gate: Gate,
    result: FileResult, known_from: datetime, unit: str | None,
) -> FileResult:  # fmt: skip
    """Write the load in one transaction; the gate judges meanwhile and has the last word."""
    from sources.quality import GateRequest
    from warehouse import ledger
    from warehouse.load import Merged, ParsedRows, fresh_statistics, take_turn

    unit_name = home.register.by_id[parsed.title["unit"]].full_name if parsed.title.get("unit") else None
    ticket = None
    if parsed.rows_read:
        ticket = gate.submit(
            GateRequest(
                contract=contract.name, source=contract.source, sha256=taken.sha256, received_at=known_from.isoformat(),
                flags_path=folder / "flags.arrow", checks=parsed.checks, label=contract.label or None, unit_name=unit_name,
                rows_read=parsed.rows_read, rows_quarantined=parsed.rows_quarantined, gate=contract.gate or None,
            )
        )  # fmt: skip
    reached("gate_asked")
    kept = keep_contract(home, contract)
    table = contract.table.name
    rows = ParsedRows.open(folder)
    with home.database.begin() as tx:
        take_turn(tx, table, units_of(contract, rows))
        load_id = ledger.new_load(
            tx, sha256=taken.sha256, kind="file", target_table=table, source=contract.source, contract=contract.name,
            contract_digest=contract.digest, contract_body={"file": kept.name}, unit_override=unit,
            mapped_columns=[c for c in parsed.columns], known_from=known_from, drift=parsed.drift,
            code_version=code_version(), units_version=home.register.version, calendar_version=home.calendar.version,
            loaded_at=now(),
        )  # fmt: skip
        reached("load_opened")
        merged = _merge(home, tx, contract, rows, load_id, known_from) if rows else Merged()
        reached("later_files_heard")
        ledger.add_quarantine(tx, held_back(folder, load_id, table, contract.source, rows))
        mended = 0
        if rows is not None:
            accepted = rows.key_hash[rows.ok]
            mended = ledger.supersede_quarantine(tx, table, contract.source, load_id, known_from, accepted, now())
        reached("quarantine_kept")
        counts = {
            "rows_read": parsed.rows_read, "rows_accepted": parsed.rows_ok, "rows_quarantined": parsed.rows_quarantined,
            "rows_unchanged": merged.unchanged, "rows_inserted": merged.inserted, "rows_closed": merged.closed,
        }  # fmt: skip
        events_to = rows.events_to() if rows and table == "dossiers" else None
        units = rows.unit_counts() if rows else {}
        ledger.finish_load(tx, load_id, counts, units, events_to)
        reached("counts_written")
        verdict = gate.result(ticket) if ticket is not None else empty_verdict(contract)
        reached("judged")
        if verdict.status == "reject":
            tx.connection.get_transaction().rollback()
        else:
            ledger.set_file(
                tx, taken.sha256, "loaded", now(), contract=contract.name, contract_digest=contract.digest,
                source=contract.source,
            )  # fmt: skip
            ledger.add_verdict(tx, taken.sha256, load_id, verdict.to_json(), now())
            said = {"load": load_id, "source": contract.source, "table": table}
            note(tx, "file.loaded", f"file:{taken.sha256}", **said)
            if parsed.rows_quarantined or mended:
                note(tx, "quarantine.changed", f"load:{load_id}")
            if merged.inserted or merged.closed:
                note(tx, "measures.changed", f"load:{load_id}", table=table, units=sorted(units)[:UNITS_TOLD])
            result.verdict, result.load_id, result.rows_unchanged = verdict.status, load_id, merged.unchanged
            reached("before_commit")
    reached("committed")
    if merged.inserted:
        with home.database.begin() as tx:
            fresh_statistics(tx, table)
    if verdict.status == "reject":
        result.verdict = verdict.status
        result.rows_accepted, result.rows_quarantined = 0, result.rows_read
        with home.database.begin() as tx:
            ledger.add_verdict(tx, taken.sha256, None, verdict.to_json(), now())
        return _reject(home, result, taken, f"quality_{verdict.reason}", verdict.message)
    result.status = "loaded"
    return result


def _merge(home: Home, tx: Transaction, contract: Contract, rows: ParsedRows, load_id: int, known_from: datetime) -> Merged:
    """Merge the parsed rows; when later files spoke of the same keys, let them speak again in their order."""
    from warehouse import ledger
    from warehouse.load import join_equal, merge

    table, source = contract.table.name, contract.source
    merged = merge(tx, rows, table=table, source=source, load_id=load_id, added_by=load_id, known_from=known_from)
    reached("merged")
    if merged.changed is not None and len(merged.changed):
        later = ledger.later_loads(tx, table, source, known_from, units_of(contract, rows))
        keys = frozenset(merged.changed.tolist()) if later else frozenset()
        for load in later:
            merged.closed += _hear_again(home, tx, load, keys, load_id)
        if later:
            join_equal(tx, table, source, load_id)
    return merged


def _hear_again(home: Home, tx: Transaction, later: dict[str, Any], keys: frozenset[int], added_by: int) -> int:
    """Merge a later file once more for the keys a late file changed. Returns how many versions it ended."""
    from sources.contract import load_contract
    from warehouse.load import ParsedRows, merge

    contract = load_contract(home.contracts / ".used" / later["contract_body"]["file"])
    place = snapshot.place_of(later["sha256"], home.snapshots)
    taken = snapshot.Snapshot(later["sha256"], place.stat().st_size, later["suffix"], later["sha256"][:12], place, 0)
    folder = Path(tempfile.mkdtemp(dir=home.work))
    try:
        parsed = _parse(home, taken, [contract], later["unit_override"], later["known_from"], folder)
        rows = ParsedRows.open(folder) if parsed.status == "ok" else None
        if rows is None:
            raise RuntimeError(f"snapshot {later['sha256'][:12]} cannot be read again: {parsed.reason}")
        merged = merge(
            tx, rows, table=later["target_table"], source=later["source"], load_id=later["load_id"], added_by=added_by,
            known_from=later["known_from"], only_keys=keys,
        )  # fmt: skip
        return merged.closed
    finally:
        shutil.rmtree(folder, ignore_errors=True)
