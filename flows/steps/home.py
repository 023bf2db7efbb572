"""The installation a command works on: its folder, its clock, its registers and its database."""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from sources.calendar import WorkCalendar
from sources.units import Unit, UnitRegister
from warehouse import place
from warehouse.database import Database

CHECKOUT: Final = Path(__file__).resolve().parents[2]
ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
RESTORING: Final = "restoring.json"  # marks a home that `cchc restore` is filling
CALENDAR_FROM: Final = date(2015, 1, 1)
CALENDAR_TO: Final = date(2035, 12, 31)


class UserError(Exception):
    """The caller's fault (exit status 2). The text is a Vietnamese sentence that says what, where and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse_moment(text: str, *, end_of_day: bool = True) -> datetime:
    """Return the instant an ISO text means; a bare day means its last second, no zone means Việt Nam. Raises: UserError."""
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            return datetime.combine(day, time(23, 59, 59) if end_of_day else time(0), ZONE)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError("bad_time", f"«{text}» không phải thời điểm; hãy viết như 2023-06-30 hoặc 2023-06-30T17:00:00.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=ZONE)


def now() -> datetime:
    """Return the clock's time: `CCHC_CLOCK` when set. The only place that reads a clock for results.

    `CCHC_CLOCK=@FILE` reads the time from a file each time it is asked for: the clock of a program that goes on running
    (a replayed month) is set by writing the file. Raises: UserError.
    """
    given = os.environ.get("CCHC_CLOCK")
    if not given:
        return datetime.now(UTC)
    if given.startswith("@"):
        try:
            given = Path(given[1:]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise UserError("bad_time", f"Không đọc được đồng hồ «{given}»; hãy kiểm tra CCHC_CLOCK.") from None
    return parse_moment(given, end_of_day=False)


def clock_is_replaced() -> bool:
    """Whether `CCHC_CLOCK` stands in for the time of day (a replay, a test, a demo)."""
    return bool(os.environ.get("CCHC_CLOCK"))


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return the version of the code that counts: the commit when there is one, else a digest of the sources."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(CHECKOUT), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
        return answer.stdout.strip()[:12]
    except (OSError, subprocess.SubprocessError):
        digest = hashlib.sha256()
        for folder in ("criteria", "scoring", "sources", "warehouse", "flows"):
            for path in sorted((CHECKOUT / folder).rglob("*")):
                if path.suffix in (".py", ".sql", ".yaml"):
                    digest.update(path.read_bytes())
        return digest.hexdigest()[:12]


@dataclass
class Home:
    """One installation. Two homes never touch each other."""

    root: Path
    database: Database = field(init=False)

    def __post_init__(self) -> None:
        self.database = Database(self.root)

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def contracts(self) -> Path:
        return self.root / "contracts"

    @property
    def criteria(self) -> Path:
        """The folder of this installation's own criteria sets, beside the built-in ones."""
        return self.root / "criteria"

    @property
    def notices(self) -> Path:
        """The folder of this installation's own notices (registers of commitments), beside the built-in ones."""
        return self.root / "notices"

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def units_extra(self) -> Path | None:
        extra = self.root / "units.yaml"
        return extra if extra.exists() else None

    @cached_property
    def register(self) -> UnitRegister:
        return UnitRegister.load(self.units_extra)

    @cached_property
    def calendar(self) -> WorkCalendar:
        return WorkCalendar.load()

    @cached_property
    def token_key(self) -> bytes:
        """The key of the applicants' tokens: made once, kept in the home, never shown."""
        return bytes.fromhex(place.secret(self.root, "applicant_token_key", lambda: secrets.token_hex(32)))

    def prepare(self) -> None:
        """Make the folders, the database and its registers. Cheap when everything is there. Raises: UserError."""
        if (self.root / RESTORING).exists():
            text = f"Thư mục {self.root} đang khôi phục dở dang; hãy chạy lại «cchc restore» với đúng bản sao lưu đó."
            raise UserError("restoring", text)
        place.make_home(self.root)
        for folder in (self.inbox, self.snapshots, self.contracts, self.criteria, self.notices, self.work):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.reports.mkdir(parents=True, exist_ok=True)
        self.database.prepare()
        self._sync_registers()

    def _sync_registers(self) -> None:
        from warehouse import registers

        with self.database.begin() as tx:
            registers.sync_units(tx, self.register.version, [_unit_row(u) for u in self.register.by_id.values()], now())
            if registers.version_of(tx, "calendar") != self.calendar.version:
                span = (CALENDAR_TO - CALENDAR_FROM).days + 1
                days = [CALENDAR_FROM + timedelta(n) for n in range(span)]
                registers.sync_calendar(tx, self.calendar.version, [(d, self.calendar.is_working(d)) for d in days], now())

    def commune(self, text: str, on: date, *, ended: bool = False) -> Unit:
        """Return the commune a code, id or name means among those that exist on a day. Raises: UserError.

        A code may pass from one commune to another: the day decides. A commune of another time is named in the refusal;
        `ended` accepts one that was gone by then (a late export of an old office).
        """
        unit = self.register.resolve(text, on) or self.register.by_id.get(text)
        if unit is None or unit.level != "commune":
            known = ", ".join(f"{u.code} {u.name}" for u in self.register.active(on))
            raise UserError("unknown_commune", f"Không có xã «{text}»; các xã đã biết: {known}.")
        gone = unit.valid_to is not None and unit.valid_to <= on
        if not unit.is_valid(on) and not (ended and gone):
            raise UserError("unit_not_then", self._other_time(unit, on))
        return unit

    def _other_time(self, unit: Unit, on: date) -> str:
        """Return the sentence about a unit that had ended by a day, or did not exist yet."""
        from messages import boundaries

        if unit.valid_to is not None and unit.valid_to <= on:
            heirs = [self.register.by_id[link.unit_id] for link in unit.successors]
            names = [f"{heir.full_name} ({heir.code})" for heir in heirs]
            return boundaries.ended(unit.full_name, unit.code, unit.valid_to, names, on)
        return boundaries.not_yet(unit.full_name, unit.unit_id, unit.valid_from, on)


def _unit_row(unit: Unit) -> dict[str, Any]:
    return {
        "unit_id": unit.unit_id, "code": unit.code, "name": unit.name, "kind": unit.kind, "parent": unit.parent,
        "valid_from": unit.valid_from, "valid_to": unit.valid_to,
        "successor_id": unit.successors[0].unit_id if unit.successors else None, "provenance": unit.source,
    }  # fmt: skip


def open_home() -> Home:
    """Return the installation of this process: `CCHC_HOME`, else `.cchc` under the checkout."""
    given = os.environ.get("CCHC_HOME")
    return Home(Path(given).expanduser().absolute() if given else CHECKOUT / ".cchc")
