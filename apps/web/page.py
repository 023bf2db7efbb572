"""The status page: one HTML page without a script, readable on a telephone. Every value is escaped where it is written."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from html import escape
from typing import Any, Final

from flows.steps.health import GIB
from messages import running
from messages.alert_words import SEVERITY_LABELS, SEVERITY_ORDER
from messages.fmt import DASH, NBSP, count, moment, number

_CLASSES: Final = {"ok": "ok", "degraded": "warn", "failing": "fail"}
_PART_CLASSES: Final = {"running": "ok", "starting": "warn", "waiting": "fail", "silent": "fail"}
_RELOAD_S: Final = 60
Row = tuple[str, str]


def page(document: dict[str, Any], home: str) -> str:
    """Return the page of a document of `flows.steps.health.status`. home: the folder it is about."""
    state = document["status"]
    facts = document["facts"]
    sections = [_problems(document["checks"])]
    if facts is not None:
        sections += [_section("Công việc", _work(facts)), _section("Tệp và cảnh báo", _files(facts)), _parts(facts["parts"])]
    sections.append(_section("Máy", _machine(document)))
    return f"""<!doctype html>
<html lang="vi">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{_RELOAD_S}">
<title>{escape(running.OVERALL[state])} · Chỉ số CCHC</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header class="{_CLASSES[state]}">
<h1>{escape(running.OVERALL[state])}</h1>
<p>Chỉ số cải cách hành chính · {_local(document["at"]) if document["at"] else "chưa hỏi được cơ sở dữ liệu"}</p>
</header>
<main>
{"".join(sections)}
</main>
<footer>Nơi cài đặt: {escape(home)}. Trang tự tải lại mỗi phút.
Cho máy đọc: <a href="/health">/health</a>, <a href="/metrics">/metrics</a>.</footer>
</body>
</html>
"""


def _problems(checks: list[Any]) -> str:
    """Return what somebody should look at, the worst first; nothing when all is well."""
    wrong = sorted((check for check in checks if check.state != "ok"), key=lambda check: check.state != "fail")
    items = "".join(
        f'<li class="{check.state}">{escape(running.check(check.name, check.code, check.values))}</li>' for check in wrong
    )
    return f'<section><h2>Cần xem</h2><ul class="problems">{items}</ul></section>' if items else ""


def _section(title: str, rows: list[Row]) -> str:
    """Return a titled list. The values are HTML made here."""
    body = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in rows)
    return f"<section><h2>{escape(title)}</h2><dl>{body}</dl></section>"


def _work(facts: dict[str, Any]) -> list[Row]:
    night, score, forecast = facts["night"], facts["score"], facts["forecast"]
    last = night["last"]
    told = "chưa có đêm nào"
    if last is not None:
        took = f", mất {_duration(night['seconds'])}" if night["seconds"] is not None and last["outcome"] != "failed" else ""
        told = f"{_local(last['finished_at'])} – {escape(running.NIGHT_OUTCOMES[last['outcome']])}{took}"
    rows = [("Đêm gần nhất", told), ("Đêm tới", _local(night["next"]))]
    if score is None:
        rows.append(("Điểm gần nhất", "chưa có"))
    else:
        origin = escape(running.ORIGINS.get(score["origin"], score["origin"]))
        rows.append(("Điểm gần nhất", f"năm {score['year']}, công bố {_local(score['published_at'])} ({origin})"))
    stored = "chưa có" if forecast is None else f"năm {forecast['year']}, tính lúc {_local(forecast['stored_at'])}"
    return [*rows, ("Dự báo gần nhất", stored)]


def _files(facts: dict[str, Any]) -> list[Row]:
    by_severity: Counter[str] = Counter()
    for row in facts["alerts"]:
        by_severity[row["severity"]] += row["n"]
    alerts = [
        f'<span class="{escape(severity)}">{escape(SEVERITY_LABELS[severity])}: {count(by_severity[severity])}</span>'
        for severity in SEVERITY_ORDER
        if by_severity[severity]
    ]
    messages = facts["messages"]
    waiting, lost = messages.get("waiting", 0) + messages.get("sending", 0), facts["messages_lost_lately"]
    return [
        ("Tệp chờ nạp", DASH if facts["waiting"] is None else count(facts["waiting"])),
        ("Tệp đã nạp", count(facts["files"].get("loaded", 0))),
        ("Tệp bị từ chối", f"{count(facts['files'].get('rejected', 0))} (7 ngày qua: {count(facts['rejected_lately'])})"),
        ("Dòng bị giữ chờ sửa", count(facts["quarantined"])),
        ("Cảnh báo đang mở", " · ".join(alerts) or "không có"),
        ("Tin chờ gửi", count(waiting)),
        ("Tin không gửi được", f"{count(lost)} (7 ngày qua)"),
    ]


def _parts(parts: list[dict[str, Any]]) -> str:
    if not parts:
        return ""
    several = len({part["host"] for part in parts}) > 1
    rows = ""
    for part in parts:
        where = f" – {part['host']}" if several else ""
        again = f"đã chạy lại {count(part['restarts'])} lần" if part["restarts"] else ""
        state = f'<span class="{_PART_CLASSES[part["state"]]}">{escape(running.PART_STATES[part["state"]])}</span>'
        age = f"báo cách đây {number(part['age_s'])}{NBSP}giây" if part["age_s"] is not None else ""
        name = escape(running.PARTS.get(part["name"], part["name"]) + where)
        rows += f"<tr><th>{name}</th><td>{state}</td><td>{escape(', '.join(filter(None, (age, again))))}</td></tr>"
    return f"<section><h2>Các phần</h2><table>{rows}</table></section>"


def _machine(document: dict[str, Any]) -> list[Row]:
    disk, facts = document["disk"], document["facts"]
    free = f"{number(disk['free'] / GIB, 1)}{NBSP}GiB trên {number(disk['total'] / GIB, 0)}{NBSP}GiB" if disk else DASH
    size = f"{number(facts['database_bytes'] / 1024**2, 0)}{NBSP}MiB" if facts else "không hỏi được"
    return [("Đĩa còn trống", free), ("Cơ sở dữ liệu", size)]


def _local(at: datetime | None) -> str:
    return moment(at.astimezone(running.HERE)) if at is not None else DASH


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{number(seconds, 0)}{NBSP}giây"
    return f"{number(seconds / 60, 0)}{NBSP}phút"
