"""`cchc scenario set` and `unset`: the words people type, as changes of a scenario's content."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import criteria
from flows.steps.home import Home, UserError
from flows.steps.scenario import Content, clean_text, criteria_content, edit, found, named_criteria, question_of, rules_day

if TYPE_CHECKING:
    from warehouse.database import Transaction

PLAIN_KEYS: Final = ("definition", "criteria", "as_of", "known_at")
KINDS: Final = ("weight", "rule", "target", "exclude")
LARGEST: Final = 1_000_000
_NUMBER: Final = re.compile(r"-?\d+(?:[.,]\d+)?(?:\s*%)?")
_KIND_OF_PLACE: Final = re.compile(r"(?:xã|phường|thị trấn|đặc khu)\s+")
_HELP: Final = (
    "viết như weight:III.3=10, rule:III.3.zero_at=0.04, target:online_min=0.35, definition=ii06, criteria=BỘ[@ngày], "
    "as_of=2023-06-30, known_at=2023-07-05, exclude:22504=lý do"
)


def set_changes(
    home: Home, name: str, changes: Sequence[str], *, keep_total: str | None = None, unset: Sequence[str] = (),
    by: str | None = None, on_version: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Make and take back changes of a scenario. Returns the document of `cchc scenario set`. Raises: UserError.

    keep_total: "*" lets all other criteria make up for new weights in proportion, a code lets that one; None lets the total move.
    """
    if not changes and not unset:
        raise UserError("no_change", f"Chưa ghi thay đổi nào; {_HELP}.")
    words = [_split(word) for word in changes]
    twice = next((key for place, (key, _) in enumerate(words) if key in dict(words[:place])), None)
    if twice is not None:
        raise UserError("bad_change", f"Thay đổi «{twice}» ghi hai lần trong một lệnh; giữ lại một.")
    if keep_total is not None and not keep_total.strip():
        raise UserError(
            "bad_change", "--keep-total= chưa ghi tiêu chí bù; ghi mã tiêu chí, hoặc bỏ dấu = để các tiêu chí cùng bù."
        )
    if keep_total and not any(key.startswith("weight:") for key, _ in words):
        raise UserError("no_weight", "--keep-total chỉ đi cùng một thay đổi weight:TIÊU_CHÍ=ĐIỂM.")
    stored: dict[str, dict[str, Any]] = {}

    def change(content: Content, run: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        from messages.scenario import change_text

        before = dict(content["changes"])
        for key in map(str.strip, unset):
            key = _excluded(run, key.partition(":")[2])[0] if key.startswith("exclude:") else key
            if key not in before:
                have = ", ".join(before) or "không có thay đổi nào"
                raise UserError("not_set", f"Phương án không có thay đổi «{key}»; đang có: {have}.")
            del content["changes"][key]
        for key, text in words:
            key, value = _value(home, run, key, text, keep_total, stored)
            content["changes"][key] = value
        made = {key: value for key, value in content["changes"].items() if before.get(key) != value}
        says = [change_text(key, value) for key, value in made.items()]
        says += [f"bỏ thay đổi {key}" for key in before if key not in content["changes"]]
        return "; ".join(says) or "không đổi", {"set": made, "unset": [k for k in before if k not in content["changes"]]}

    keep_parts(home, words, stored)
    document = edit(home, name, "scenario.set", change, by, on_version)
    return document | total_of(home, name)


def keep_parts(home: Home, words: Sequence[tuple[str, str]], stored: dict[str, dict[str, Any]]) -> None:
    """Store the criteria that a change names, so that files may change without changing the scenario. Raises: UserError."""
    from flows.steps.home import now
    from flows.steps.rules import rules_of
    from warehouse import runs

    for key, text in words:
        if key != "criteria":
            continue
        name = text.partition("@")[0].strip()
        rules_of(home, name)
        content = criteria.set_content(name, extra=home.criteria)
        stored[name] = {"set": name, "hash": criteria.build_set(content, name).hash}
        with home.database.begin() as tx:
            runs.put_part(tx, "criteria", stored[name]["hash"], content, now())


def _split(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    key, value = key.strip(), value.strip()
    kind, colon, name = key.partition(":")
    if not equals or not value or (key not in PLAIN_KEYS and not (colon and kind in KINDS and name)):
        raise UserError("bad_change", f"Không hiểu thay đổi «{word}»; {_HELP}.")
    return key, value


def _value(
    home: Home, run: dict[str, Any], key: str, text: str, keep_total: str | None, stored: dict[str, dict[str, Any]]
) -> tuple[str, Any]:
    """Return a change as the content keeps it. Raises: UserError."""
    kind, _, name = key.partition(":")
    if kind == "weight":
        return key, {"points": points(text, key), "keep": keep_total}
    if kind in ("rule", "target"):
        return key, number(text, key)
    if kind == "exclude":
        return _excluded(run, name)[0], clean_text(text, "lý do không xếp hạng", 300)
    if kind == "criteria":
        chosen, _, day = text.partition("@")
        return key, {**stored[chosen.strip()], "day": _day(day.strip()).isoformat() if day else None}
    if kind == "definition":
        return key, text
    from flows.steps.home import now, parse_moment

    moment = parse_moment(text)
    if key == "known_at" and moment > now():  # what is not known yet would still change after the approval
        raise UserError("not_yet", f"{key}={text} chưa tới; chọn một lúc đã qua.")
    return key, moment.isoformat()


def number(text: str, key: str) -> float:
    """Return a number as people write it: 0.04, 0,04 or 4 %. Raises: UserError."""
    if not _NUMBER.fullmatch(text):
        raise UserError("bad_number", f"«{text}» ở {key} không phải là số; viết như 10, 0.04 hoặc 4%.")
    share = text.endswith("%")
    value = Decimal(text.rstrip("% ").replace(",", "."))
    if abs(value) > LARGEST:
        raise UserError("bad_number", f"«{text}» ở {key} quá lớn; dùng số không quá {LARGEST}.")
    return float(value / 100 if share else value)


def points(text: str, key: str) -> float:
    """Return a number of points: 10 or 7,5. Raises: UserError, also for a share, which says points of nothing."""
    if text.rstrip().endswith("%"):
        raise UserError("bad_number", f"«{text}» ở {key} là tỷ lệ, ở đây phải là số điểm; viết như 10 hoặc 7,5.")
    return number(text, key)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError("bad_time", f"«{text}» không phải ngày; viết như 2023-06-30.") from None


def _excluded(run: dict[str, Any], text: str) -> tuple[str, str]:
    """Return the key of an exclusion, of one official or of a whole commune, and the commune's name."""
    from flows.steps.rebuild import subject_key

    row = commune_row(run, text, whole=True)
    alone = _plain(text) == subject_key(row).casefold()
    return f"exclude:{subject_key(row) if alone else row['unit_id']}", row["name"]


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()


def is_called(row: dict[str, Any], text: str) -> bool:
    """Return whether a text means a row's commune: its code, its unit, its name with or without what kind of place it is."""
    wanted, name = _plain(text), row["name"].casefold()
    return wanted in {str(row["commune"]), row["unit_id"].casefold(), name} or _KIND_OF_PLACE.sub("", wanted, count=1) == name


def commune_row(run: dict[str, Any], text: str, *, whole: bool = False) -> dict[str, Any]:
    """Return the line of a run's result about a commune (code, name or unit) or an official (`unit|name`). Raises: UserError.

    whole: of a commune whose officials are scored, any line will do.
    """
    from flows.steps.rebuild import subject_key

    wanted = _plain(text)
    rows: list[dict[str, Any]] = run["result"]["communes"]
    for row in rows:
        if wanted == subject_key(row).casefold():
            return row
    near = [row for row in rows if is_called(row, text)]
    if len(near) > 1 and not whole:
        people = ", ".join(f"«{subject_key(row)}»" for row in near)
        raise UserError("which_official", f"«{text}» có nhiều người được chấm; ghi rõ một trong: {people}.")
    if near:
        return near[0]
    known = ", ".join(dict.fromkeys(f"{row['commune']} {row['name']}" for row in rows))
    raise UserError("unknown_commune", f"Lần công bố gốc không có «{text}»; có: {known}.")


def total_of(home: Home, name: str) -> dict[str, Any]:
    """Return what the changes do to the weights: totals, how far they were moved, and both in words."""
    from scoring.changes import apply_changes, weights_of
    from scoring.whatif import weights_moved

    with home.database.begin() as tx:
        run, content, base = _parts(home, tx, name)
        asked = question_of(run, content)
        day = rules_day(content, asked)
        named = criteria_content(home, tx, named_criteria(content))
    before = weights_of(base["criteria"], asked.last_day)
    after = weights_of(apply_changes(named, content["changes"], day)["criteria"], day)
    return {"weights": weights_json(weights_moved(before, after))}


def weights_json(moved: Any) -> dict[str, Any]:
    """Return how far weights were moved, with the sentences. moved: scoring.whatif.Moved."""
    from messages.scenario import total_text, weights_text

    return {
        "moved_points": moved.points, "moved_share": moved.share, "total_before": moved.total_before,
        "total_after": moved.total_after, "total_kept": moved.total_before == moved.total_after,
        "says": [weights_text(moved.points, moved.share), total_text(moved.total_before, moved.total_after)],
    }  # fmt: skip


def _parts(home: Home, tx: Transaction, name: str) -> tuple[dict[str, Any], Content, dict[str, Any]]:
    """Return a scenario's base run, its content and the base run's criteria as data."""
    import json

    from flows.steps.runs import run_of

    row = found(tx, name)
    run = run_of(tx, row["base_run"])
    recipe = run["recipe"]
    base = criteria_content(home, tx, {"set": recipe["criteria_set"], "hash": recipe["criteria_hash"]})
    return run, json.loads(row["content"]), base
