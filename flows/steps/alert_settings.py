"""Who is told of alerts, when, and which rules are changed here: `alerts.yaml` of the installation (docs/alert_delivery.md).

Without the file the rules stand as published and nobody is written to. Addresses may hold passwords: they never leave
`Channel.url`, which is neither printed nor compared nor kept in the database.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from criteria.loader import CriteriaError
from flows.steps.home import ZONE, UserError, now

if TYPE_CHECKING:
    from criteria.alerts import AlertRule
    from criteria.yaml_lines import Located
    from flows.steps.home import Home

SEVERITIES: Final = ("critical", "warn", "info")
DIGEST_AT: Final = time(7, 0)
_TOP: Final = frozenset({"page", "digest", "quiet_hours", "recipients", "rules"})
_QUIET: Final = frozenset({"from", "to", "critical_passes"})
_RECIPIENT: Final = frozenset({"name", "url", "urls", "owners", "communes", "severities", "rules"})
_LONGEST_NAME: Final = 60


@dataclass(frozen=True)
class Quiet:
    """Hours in which nothing is sent; they may go over midnight. critical_passes: critical alerts are sent all the same."""

    start: time
    end: time
    critical_passes: bool = False

    def holds(self, moment: datetime) -> bool:
        """Whether a moment lies within the hours (start included, end not)."""
        at = moment.astimezone(ZONE).time()
        return self.start <= at < self.end if self.start < self.end else at >= self.start or at < self.end

    def over(self, moment: datetime) -> datetime:
        """Return when the hours that hold a moment end."""
        local = moment.astimezone(ZONE)
        end = datetime.combine(local.date(), self.end, ZONE)
        return end if end > local else end + timedelta(days=1)


@dataclass(frozen=True)
class Channel:
    """One address. number: its place among the recipient's, from 1. url: None while the variable that holds it is not set."""

    number: int
    url: str | None = field(repr=False)
    variable: str | None = None


@dataclass(frozen=True)
class Recipient:
    """Who is written to, and of what. An empty list asks for everything."""

    name: str
    channels: tuple[Channel, ...]
    owners: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()
    severities: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()

    def wants(self, alert: Mapping[str, Any]) -> bool:
        """Whether an alert (columns of table `alerts`) is for this recipient."""
        asked = ((self.owners, alert["owner"]), (self.units, alert["unit_id"]), (self.severities, alert["severity"]))
        return all(not wanted or value in wanted for wanted, value in (*asked, (self.rules, alert["rule"])))


@dataclass(frozen=True)
class Settings:
    """What `alerts.yaml` says. rules: what is changed of rules, by rule name, as written. page: address of the pages, no slash at
    its end."""

    recipients: tuple[Recipient, ...] = ()
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    quiet: Quiet | None = None
    digest_at: time = DIGEST_AT
    page: str | None = None
    warnings: tuple[str, ...] = ()

    @cached_property
    def alert_rules(self) -> Mapping[str, AlertRule]:
        """Every rule by name, with what is changed here."""
        from criteria.alerts import load_alert_rules

        return load_alert_rules(self.rules)

    def recipient(self, name: str) -> Recipient | None:
        """Return the recipient of a name, or None."""
        return next((each for each in self.recipients if each.name == name), None)

    def next_digest(self, moment: datetime) -> datetime:
        """Return the first digest after a moment; a digest in quiet hours waits for their end."""
        local = moment.astimezone(ZONE)
        due = datetime.combine(local.date(), self.digest_at, ZONE)
        if due <= local:
            due += timedelta(days=1)
        return self.quiet.over(due) if self.quiet and self.quiet.holds(due) else due

    def earliest(self, moment: datetime, severity: str) -> datetime:
        """Return when a message that is not for the digest may leave."""
        if self.quiet is None or not self.quiet.holds(moment) or (severity == "critical" and self.quiet.critical_passes):
            return moment
        return self.quiet.over(moment)


def settings_file(home: Home) -> Path:
    """Return where the settings of an installation lie."""
    return home.root / "alerts.yaml"


def load_settings(home: Home, *, addresses: bool = False) -> Settings:
    """Return the settings of an installation; the defaults without a file. Raises: UserError naming file, line and remedy.

    addresses: look at every address closely too, which takes the library that knows their kinds.
    """
    from criteria import yaml_lines

    file = settings_file(home)
    try:
        located = yaml_lines.read(file)
    except FileNotFoundError:
        return defaults()
    except OSError:
        raise UserError("bad_alerts", f"Không đọc được {file.name}; kiểm tra quyền đọc tệp.") from None
    except yaml_lines.YamlProblem as problem:
        raise UserError("bad_alerts", f"{file.name} dòng {problem.line}: {problem}. {problem.remedy}.") from None
    return _Reader(home, located, addresses).settings()


def defaults() -> Settings:
    """Return the settings of an installation without a file: the published rules, nobody to write to."""
    return Settings()


def settings_or_defaults(home: Home) -> tuple[Settings, str | None]:
    """Return the settings and None; when the file cannot be used, the defaults and what is wrong with it.

    Scoring and alerts go on with the published rules while somebody corrects the file.
    """
    try:
        return load_settings(home), None
    except UserError as problem:
        return defaults(), str(problem)


class _Reader:
    """Reads one file; every complaint names its line."""

    def __init__(self, home: Home, located: Located, addresses: bool) -> None:
        self.home, self.located, self.addresses = home, located, addresses
        self.warnings: list[str] = []
        self.owners: frozenset[str] = frozenset()

    def settings(self) -> Settings:
        from criteria.alerts import load_alert_rules

        data = {} if self.located.data is None else self.located.data
        if self.located.duplicates:
            path, line = self.located.duplicates[0]
            self._fail(line, f"mục «{path[-1]}» ghi hai lần; chỉ giữ một")
        self._keys((), data, _TOP)
        page = data.get("page")
        if page is not None and not str(page).startswith(("http://", "https://")):
            self._refuse(("page",), "địa chỉ trang phải bắt đầu bằng http:// hoặc https://")
        rules = self._rules(data.get("rules") or {})
        known = load_alert_rules(rules)
        self.owners = frozenset(rule.owner for rule in known.values())
        recipients = self._recipients(data.get("recipients") or [], tuple(known))
        if any(channel.variable is None for each in recipients for channel in each.channels):
            self._check_mode()
        return Settings(
            recipients, rules, self._quiet(data.get("quiet_hours")),
            self._time(("digest",), data["digest"]) if "digest" in data else DIGEST_AT,
            str(page).rstrip("/") if page else None, tuple(self.warnings),
        )  # fmt: skip

    def _recipients(self, rows: Any, rules: tuple[str, ...]) -> tuple[Recipient, ...]:
        if not isinstance(rows, list):
            self._refuse(("recipients",), "người nhận ghi thành danh sách, mỗi người một gạch đầu dòng")
        found: dict[str, Recipient] = {}
        for number, row in enumerate(rows):
            path = ("recipients", number)
            self._keys(path, row, _RECIPIENT)
            name = " ".join(str(row.get("name") or "").split())
            if not name or len(name) > _LONGEST_NAME or not name.isprintable():
                self._refuse((*path, "name"), f"người nhận phải có tên (name), không quá {_LONGEST_NAME} ký tự")
            if name in found:
                self._refuse((*path, "name"), f"hai người nhận cùng tên «{name}»; đặt tên khác nhau")
            found[name] = Recipient(
                name, self._channels(path, row), self._owners(path, row), self._units(path, row),
                self._words(path, row, "severities", SEVERITIES), self._words(path, row, "rules", rules),
            )  # fmt: skip
        return tuple(found.values())

    def _channels(self, path: tuple[Any, ...], row: Mapping[str, Any]) -> tuple[Channel, ...]:
        key = "urls" if "urls" in row else "url"
        given = row.get(key)
        entries = given if isinstance(given, list) else [given] if given else []
        if not entries or ("url" in row and "urls" in row):
            self._refuse((*path, key), "mỗi người nhận có một địa chỉ (url) hoặc một danh sách địa chỉ (urls)")
        channels = []
        for number, entry in enumerate(entries, start=1):
            where = (*path, key, number - 1) if isinstance(given, list) else (*path, key)
            variable = None
            if isinstance(entry, dict):
                if set(entry) != {"env"} or not str(entry["env"]).isidentifier():
                    self._refuse(where, "địa chỉ lấy từ biến môi trường thì ghi {env: TÊN_BIẾN}")
                variable = str(entry["env"])
                entry = os.environ.get(variable)
            if entry is not None:
                self._address(where, str(entry), variable)
            channels.append(Channel(number, None if entry is None else str(entry), variable))
        return tuple(channels)

    def _address(self, where: tuple[Any, ...], url: str, variable: str | None) -> None:
        problem = None if "://" in url else "địa chỉ phải có dạng loại://…; xem các mẫu trong deployments/alerts.example.yaml"
        if problem is None and self.addresses:
            from flows.steps.outgoing_channels import problem_of

            problem = problem_of(url)
        if problem:
            self._refuse(where, f"{problem}{f' (biến {variable})' if variable else ''}")

    def _owners(self, path: tuple[Any, ...], row: Mapping[str, Any]) -> frozenset[str]:
        """Return who acts; a name that nothing knows is most probably a slip, though the notice of tomorrow may bring it."""
        words = self._list((*path, "owners"), row.get("owners"))
        for word in words:
            if word not in self.owners and word not in _owners_known():
                line = self.located.line(*path, "owners")
                where = f"{self.located.file.name} dòng {line}"
                self.warnings.append(f"{where}: chưa quy tắc nào giao cho «{word}»; xem lại cách viết.")
        return frozenset(words)

    def _units(self, path: tuple[Any, ...], row: Mapping[str, Any]) -> frozenset[str]:
        """Return the ids of the communes named, and of those below a unit named."""
        register, today = self.home.register, now().astimezone(ZONE).date()
        found: set[str] = set()
        for text in self._list((*path, "communes"), row.get("communes")):
            unit = register.resolve(text, today, level=None) or register.by_id.get(text)
            if unit is None:
                self._refuse((*path, "communes"), f"không có đơn vị «{text}»; ghi mã hoặc tên xã, huyện")
            found |= {unit.unit_id} | {each.unit_id for each in register.by_id.values() if each.parent == unit.code}
        return frozenset(found)

    def _words(self, path: tuple[Any, ...], row: Mapping[str, Any], key: str, known: tuple[str, ...]) -> frozenset[str]:
        words = self._list((*path, key), row.get(key))
        strange = next((word for word in words if word not in known), None)
        if strange is not None:
            self._refuse((*path, key), f"«{strange}» không dùng được ở mục {key}; chọn trong: {', '.join(known)}")
        return frozenset(words)

    def _list(self, path: tuple[Any, ...], given: Any) -> list[str]:
        entries = [] if given is None else given if isinstance(given, list) else [given]
        if any(isinstance(entry, (list, dict)) or entry is None for entry in entries):
            self._refuse(path, "ghi một danh sách các từ, ví dụ [critical, warn]")
        return [str(entry).strip() for entry in entries]

    def _quiet(self, given: Any) -> Quiet | None:
        if given is None:
            return None
        path = ("quiet_hours",)
        self._keys(path, given, _QUIET)
        if not {"from", "to"} <= set(given):
            self._refuse(path, 'giờ yên lặng cần cả from và to, ví dụ {from: "18:00", to: "06:30"}')
        start, end = (self._time((*path, key), given[key]) for key in ("from", "to"))
        if start == end:
            self._refuse(path, "giờ yên lặng bắt đầu và kết thúc cùng lúc; bỏ cả mục nếu không dùng")
        passes = given.get("critical_passes", False)
        if not isinstance(passes, bool):
            self._refuse((*path, "critical_passes"), "critical_passes là true hoặc false")
        return Quiet(start, end, passes)

    def _time(self, path: tuple[Any, ...], given: Any) -> time:
        if isinstance(given, int) and 60 <= given < 24 * 60:
            return time(given // 60, given % 60)  # YAML reads an unquoted 18:00 as 18 × 60
        try:
            hours, minutes = str(given).split(":")
            return time(int(hours), int(minutes))
        except ValueError:
            self._refuse(path, f'«{given}» không phải giờ; ghi giờ và phút trong ngoặc kép, ví dụ "07:00"')

    def _rules(self, given: Any) -> Mapping[str, Mapping[str, Any]]:
        """Return what is changed of rules; a change that does not fit names the line of its rule."""
        from criteria.alerts import load_alert_rules

        path = ("rules",)
        if not isinstance(given, dict):
            self._refuse(path, "phần rules ghi tên quy tắc, rồi mục muốn đổi, ví dụ overdue_rate: {threshold: 0.02}")
        for name, change in given.items():
            try:
                load_alert_rules({str(name): change})
            except CriteriaError as problem:
                self._refuse((*path, name), str(problem))
        return {str(name): change for name, change in given.items()}

    def _check_mode(self) -> None:
        """Warn when others on the machine may read what may be a password."""
        if self.located.file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            file = self.located.file
            self.warnings.append(f"{file.name} ghi địa chỉ mà người khác trên máy đọc được; chạy «chmod 600 {file}».")

    def _keys(self, path: tuple[Any, ...], given: Any, known: frozenset[str]) -> None:
        if not isinstance(given, dict):
            self._refuse(path, f"ở đây ghi các mục {', '.join(sorted(known))}")
        strange = next((key for key in given if key not in known), None)
        if strange is not None:
            self._refuse((*path, strange), f"không có mục «{strange}»; các mục được dùng: {', '.join(sorted(known))}")

    def _refuse(self, path: tuple[Any, ...], what: str) -> NoReturn:
        self._fail(self.located.line(*path), what)

    def _fail(self, line: int, what: str) -> NoReturn:
        raise UserError("bad_alerts", f"{self.located.file.name} dòng {line}: {what}.")


@lru_cache(maxsize=1)
def _owners_known() -> frozenset[str]:
    """Return whom the rules, the commitments and the criteria name as those who act."""
    import criteria
    from criteria.alerts import load_alert_rules

    owners = {rule.owner for rule in load_alert_rules().values()}
    owners |= {item.owner for notice in criteria.load_notices() for item in notice.commitments}
    return frozenset(owners | {each.owner for each in criteria.load_set(criteria.DEFAULT_SET).criteria})
