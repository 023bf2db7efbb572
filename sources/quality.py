"""The quality gate: one documented verdict per file, given by Great Expectations in a process of its own.

The reader computes every row mask once (`flags.arrow`: one boolean column per check, True = fine). This
module hands the flags, and nothing else of the file, to a worker process that compiles the contract's checks
into an expectation suite and validates it. Only booleans, check labels and counts ever reach Great
Expectations, so neither its stored results nor its Data Docs can hold personal data. Importing this module is
cheap: Great Expectations is imported by the worker alone, in the background, while files are being parsed.

Grain: one `Verdict` per file. Units: rows, shares /1.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal

__all__ = ["FailedCheck", "Gate", "GateError", "GateRequest", "Verdict"]

Status = Literal["pass", "quarantine", "reject"]

#: Thresholds that hold when a contract has no `gate:` section.
DEFAULT_THRESHOLDS: Final[dict[str, Any]] = {
    "max_quarantined_share": 1.0,
    "min_rows": 0,
    "max_failed_share": {},
}
SOURCE_LABELS: Final = {
    "portal": "Hồ sơ trên Cổng dịch vụ công",
    "one_stop": "Hồ sơ một cửa",
    "monthly_report": "Báo cáo tháng II.06a",
    "survey": "Phiếu khảo sát hài lòng",
    "officer_review": "Đánh giá cán bộ hằng tháng",
    "tasks": "Sổ theo dõi nhiệm vụ",
    "initiatives": "Sổ sáng kiến",
    "declarations": "Tự chấm điểm và tài liệu kiểm chứng",
    "published_results": "Kết quả đã công bố",
    "procedures": "Danh mục thủ tục",
}
_LOG_LIMIT_BYTES: Final = 1_000_000
_ROOT: Final = Path(__file__).resolve().parent.parent
_MESSAGES: Final = {
    "worker_died": "Bộ kiểm tra chất lượng dừng giữa chừng; tệp chưa được nạp, hãy chạy lại lệnh",
    "worker_timeout": "Bộ kiểm tra chất lượng không trả lời sau {limit:g} giây; tệp chưa được nạp, chạy lại",
    "worker_start": "Không khởi động được bộ kiểm tra chất lượng; chạy «cchc doctor» để xem nguyên nhân",
    "flags_unreadable": "Không đọc được kết quả kiểm tra từng dòng; tệp chưa được nạp, hãy chạy lại lệnh",
    "flags_mismatch": "Kết quả kiểm tra không khớp số dòng đã đọc; tệp chưa được nạp, hãy báo kỹ thuật",
    "worker_failed": "Bộ kiểm tra chất lượng gặp lỗi bên trong; tệp chưa được nạp, hãy báo kỹ thuật",
}


class GateError(RuntimeError):
    """The gate could not give a verdict. `code` is stable, the text is one Vietnamese sentence.

    The caller must treat the file as not judged: nothing of it may be committed.
    """

    def __init__(self, code: str, log: Path | None = None, **params: Any) -> None:
        self.code = code if code in _MESSAGES else "worker_failed"
        text = _MESSAGES[self.code].format(**params)
        super().__init__(f"{text} (nhật ký: {log})." if log else f"{text}.")


@dataclass(frozen=True)
class GateRequest:
    """What the gate needs to judge one file; no cell value and no file name is among it.

    `checks` are the reader's descriptions {id, rule, column, header, label, severity}; `flags_path` is
    `flags.arrow` with a boolean column per check id. `rows_read` and `rows_quarantined`, when given, must
    agree with the flags. `gate` is the contract's `gate:` section: max_quarantined_share (share of rows),
    min_rows, max_failed_share (check id → share of rows). `unit_name` is the name from the unit register,
    never from the file.
    """

    contract: str
    source: str
    sha256: str
    received_at: str
    flags_path: Path
    checks: Sequence[Mapping[str, Any]]
    label: str | None = None
    unit_name: str | None = None
    rows_read: int | None = None
    rows_quarantined: int | None = None
    gate: Mapping[str, Any] | None = None

    def payload(self) -> dict[str, Any]:
        """Return the JSON-able form sent to the worker, with thresholds filled in.

        Raises: ValueError when a threshold is unknown or out of range.
        """
        thresholds = DEFAULT_THRESHOLDS | dict(self.gate or {})
        unknown = set(thresholds) - set(DEFAULT_THRESHOLDS)
        if unknown:
            raise ValueError(f"mục gate không có khóa {', '.join(sorted(unknown))}")
        shares = [thresholds["max_quarantined_share"], *thresholds["max_failed_share"].values()]
        if not all(isinstance(share, (int, float)) and 0 <= share <= 1 for share in shares):
            raise ValueError("ngưỡng trong mục gate phải là tỷ lệ từ 0 đến 1")
        fields = ("id", "rule", "column", "header", "label", "severity")
        return {
            "contract": self.contract,
            "source": self.source,
            "suite": self.label
            if self.label and self.label != self.contract
            else SOURCE_LABELS.get(self.source, self.label or self.contract),
            "sha256": self.sha256,
            "received_at": str(self.received_at),
            "unit_name": self.unit_name,
            "flags_path": str(Path(self.flags_path).absolute()),
            "checks": [
                {key: check.get(key) for key in fields} | {"severity": check.get("severity") or "quarantine"}
                for check in self.checks
            ],
            "rows_read": self.rows_read,
            "rows_quarantined": self.rows_quarantined,
            "gate": thresholds,
        }


@dataclass(frozen=True)
class FailedCheck:
    """One check with at least one failing row. `failed` counts rows, `share` is failed / rows."""

    id: str
    rule: str
    column: str | None
    header: str | None
    label: str
    severity: str
    failed: int
    share: float


@dataclass(frozen=True)
class Verdict:
    """The gate's answer on one file.

    `status`: pass (nothing quarantined), quarantine (some rows held back, the others load), reject (nothing
    loads). `reason` names the gate rule behind a rejection: reject_file | max_quarantined_share |
    max_failed_share | min_rows. `validation_id` names the stored Great Expectations result and its Data Docs
    page.
    """

    status: Status
    rows: int
    quarantined: int
    failed: tuple[FailedCheck, ...]
    reason: str | None
    message: str
    suite: str = ""
    validation_id: str = ""
    expectations: int = 0
    expectations_met: int = 0

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Verdict:
        """Return the verdict from the worker's answer."""
        names = {item.name for item in dataclasses.fields(cls)}
        known = {key: value for key, value in data.items() if key in names}
        checks = {item.name for item in dataclasses.fields(FailedCheck)}
        known["failed"] = tuple(FailedCheck(**{key: item[key] for key in checks}) for item in data["failed"])
        return cls(**known)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON-able form (what a ledger row stores)."""
        return dataclasses.asdict(self)


class Gate:
    """The worker process and the way to it. Use as a context manager; `start()` early, so that it warms up.

    `home` is CCHC_HOME (results under home/quality, log under home/logs), `docs_dir` the folder of the Data
    Docs. One gate serves one process; several gates may share a home. A worker that died is started again by
    the next `submit`. The worker ends by itself when its parent is gone.
    """

    def __init__(self, home: Path, docs_dir: Path, *, keep: int = 200, time_limit_s: float = 120.0) -> None:
        self.home = Path(home).absolute()
        self.docs_dir = Path(docs_dir).absolute()
        self.keep = keep
        self.time_limit_s = time_limit_s
        self.store = self.home / "quality"
        self.log = self.home / "logs" / "quality_worker.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""
        self._next = 0
        self._waiting: set[int] = set()
        self._answers: dict[int, dict[str, Any]] = {}
        self._lock = threading.RLock()

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The worker's process id, or None when none is running."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start the worker in the background and return at once. Raises: GateError if it cannot start."""
        with self._lock:
            if self.pid is not None:
                return
            self._drop()
            env = {key: value for key, value in os.environ.items() if not key.startswith(("CCHC_", "GX_", "PG"))}
            env |= {
                "PYTHONPATH": str(_ROOT),
                "PYTHONUTF8": "1",
                "GX_ANALYTICS_ENABLED": "false",
                "DO_NOT_TRACK": "1",
                "TQDM_DISABLE": "1",
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
            }
            try:
                self.store.mkdir(parents=True, exist_ok=True, mode=0o700)
                self.log.parent.mkdir(parents=True, exist_ok=True)
                fresh = self.log.exists() and self.log.stat().st_size > _LOG_LIMIT_BYTES
                flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_TRUNC if fresh else os.O_APPEND)
                log = os.open(self.log, flags, 0o600)
                try:
                    # -P keeps the working folder off the path, -m keeps sources/ (with its calendar.py) off
                    self._process = subprocess.Popen(
                        [sys.executable, "-P", "-m", "sources.quality_worker", str(os.getpid())],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        cwd=self.store,
                        env=env,
                        bufsize=0,
                    )
                finally:
                    os.close(log)
            except OSError as error:
                raise GateError("worker_start", self.log) from error

    def submit(self, request: GateRequest) -> int:
        """Hand over one file and return a ticket at once; judging goes on while the caller loads the rows."""
        return self._send({"op": "judge", "request": request.payload()})

    def result(self, ticket: int) -> Verdict:
        """Wait for the verdict of a ticket. Raises: GateError (worker died, timed out or failed)."""
        return Verdict.from_json(self._wait(ticket))

    def judge(self, request: GateRequest) -> Verdict:
        """Return the verdict on one file (`submit` and `result` in one step). Raises: GateError."""
        return self.result(self.submit(request))

    def build_docs(self) -> Path:
        """Bring the Data Docs up to date with the last `keep` results; return the path of index.html.

        Pages that are already there are left alone, so the time grows with what is new. Raises: GateError.
        """
        return Path(self._wait(self._send({"op": "docs", "docs_dir": str(self.docs_dir), "keep": self.keep}))["index"])

    def close(self) -> None:
        """End the worker; unanswered tickets are void. Safe to call twice."""
        with self._lock:
            process, self._process = self._process, None
            self._waiting.clear()
            self._answers.clear()
            self._buffer = b""
            if process is None:
                return
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            try:
                process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _drop(self) -> None:
        """Forget a worker that is gone; tickets it had not answered stay unanswered."""
        answers = self._answers
        self._answers = {}
        self.close()
        self._answers = answers

    def _send(self, message: dict[str, Any]) -> int:
        """Write one line to the worker, starting it (again) when needed; return the ticket."""
        with self._lock:
            for attempt in (1, 2):
                self.start()
                self._next += 1
                line = json.dumps({"id": self._next, **message}, ensure_ascii=False).encode() + b"\n"
                try:
                    assert self._process is not None and self._process.stdin is not None
                    view = memoryview(line)
                    while view:
                        view = view[os.write(self._process.stdin.fileno(), view) :]
                    self._waiting.add(self._next)
                    return self._next
                except OSError as error:
                    self._drop()
                    if attempt == 2:
                        raise GateError("worker_died", self.log) from error
        raise AssertionError("unreachable")

    def _wait(self, ticket: int) -> dict[str, Any]:
        """Return the worker's answer to a ticket."""
        deadline = time.monotonic() + self.time_limit_s
        with self._lock:
            while ticket not in self._answers:
                if ticket not in self._waiting:
                    raise GateError("worker_died", self.log)
                self._read(deadline)
            answer = self._answers.pop(ticket)
        if "error" in answer:
            raise GateError(str(answer["error"]), self.log)
        value: dict[str, Any] = answer["value"]
        return value

    def _read(self, deadline: float) -> None:
        """Read from the worker until the next whole line or the deadline."""
        assert self._process is not None and self._process.stdout is not None
        fd = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(fd, select.POLLIN | select.POLLHUP)
        remaining_ms = int((deadline - time.monotonic()) * 1000)
        if remaining_ms <= 0 or not poll.poll(remaining_ms):
            self._process.kill()
            self._drop()
            raise GateError("worker_timeout", self.log, limit=self.time_limit_s)
        chunk = os.read(fd, 1 << 16)
        if not chunk:
            self._drop()
            return
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            self._waiting.discard(answer["id"])
            self._answers[answer["id"]] = answer
