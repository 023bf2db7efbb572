"""What moved each commune's index between two published runs: its change shared out over what differs, adding up exactly.

The factors that differ are changed one by one from run A to run B, in every combination, each scored from facts; the
shares are Shapley values (`scoring.attribution`). What today's program gives otherwise than the one that published is the
factor `code`: stored B − stored A = shares of the factors + code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import criteria
from flows.steps.home import Home, UserError, code_version
from flows.steps.measure import plain
from flows.steps.rebuild import LostPart, Past, past_of, scored_again, subject_key
from flows.steps.runs import head, run_of
from flows.steps.scenario_changes import is_called

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scoring.attribution import Coalition

FACTORS: Final = ("facts", "time", "definition", "criteria", "calendar", "units", "appraisal")
#: What an appraiser may do to computed points (see `flows.steps.scenario.appraisal`), and nobody did.
_NO_HAND: Final[dict[str, Any]] = {"overrides": [], "unranked": []}
#: The row beside the criteria: what the limit on bonus and penalty takes or gives.
LIMIT: Final = "bonus_limit"
_INDEX: Final = "index"


@dataclass
class _Figures:
    """Whole units of one scoring: subject → row → units. Rows: criteria codes, LIMIT, _INDEX (absent when nothing scored)."""

    rows: dict[str, dict[str, int]]


def compare(home: Home, run_a: int, run_b: int, commune: str | None = None) -> dict[str, Any]:
    """Return the document of `cchc score compare`. commune: only this one (its code, name or unit). Raises: UserError."""
    with home.database.begin() as tx:
        before, after = run_of(tx, run_a), run_of(tx, run_b)
        try:
            past_a, past_b = past_of(home, tx, before["recipe"]), past_of(home, tx, after["recipe"])
        except LostPart as error:
            raise UserError("lost_part", f"Không so sánh được: {error}") from error
    changed = [name for name in FACTORS if _aspect(past_a, name) != _aspect(past_b, name)]
    decimals = max(past_a.rules.decimals, past_b.rules.decimals)
    found = _evaluate(home, past_a, past_b, changed, decimals)
    rows_a = {subject_key(row): row for row in before["result"]["communes"]}
    rows_b = {subject_key(row): row for row in after["result"]["communes"]}
    both = [key for key in rows_a if key in rows_b]
    if commune is not None:
        both = [key for key in both if is_called(rows_b[key], commune)]
        if not both:
            raise UserError("unknown_commune", f"Xã «{commune}» không có trong cả hai lần công bố {run_a} và {run_b}.")
    told = _spoken(home, past_a, past_b)
    names = [*found.order, "code"]
    return {
        "run_a": head(before), "run_b": head(after), "code_now": code_version(),
        "factors": _factors(before, after, changed, found), "columns": names, "not_separable": found.why,
        "files_only_in_a": told["files_a"], "files_only_in_b": told["files_b"],
        "communes": [
            _commune(key, rows_a[key], rows_b[key], found, decimals) | {"dossiers": told["dossiers"].get(rows_b[key]["unit_id"])}
            for key in both
        ],
        "only_in_a": [_name(row) for key, row in rows_a.items() if key not in rows_b],
        "only_in_b": [_name(row) for key, row in rows_b.items() if key not in rows_a],
    }  # fmt: skip


def _aspect(past: Past, factor: str) -> Any:
    """Return what a run has of a factor, comparable."""
    asked = past.asked
    if factor == "facts":
        return past.loads
    if factor == "time":
        kept = ("known_at", "definition", "units_on")
        return {field.name: getattr(asked, field.name) for field in fields(asked) if field.name not in kept}
    if factor == "units":
        return past.units, asked.units_on
    if factor == "criteria":
        return past.rules.hash, _own_day(past)
    if factor == "appraisal":
        return _aspect_of(past.hand or _NO_HAND)
    return {"definition": asked.definition, "calendar": past.calendar}[factor]


def _mixed(a: Past, b: Past, chosen: Coalition) -> Past:
    """Return run A with the chosen factors as in run B."""

    def side(factor: str) -> Past:
        return b if factor in chosen else a

    asked = replace(
        side("time").asked, known_at=side("facts").asked.known_at, definition=side("definition").asked.definition,
        units_on=side("units").asked.units_on,
    )  # fmt: skip
    day, hand = _own_day(side("criteria")), side("appraisal").hand or _NO_HAND
    return Past(
        asked=asked, rules=side("criteria").rules, loads=side("facts").loads, calendar=side("calendar").calendar,
        units=side("units").units, hand={**_aspect_of(hand), "rules_day": (day or asked.last_day).isoformat()},
    )  # fmt: skip


def _own_day(past: Past) -> date | None:
    """Return the day whose rules an appraiser chose instead of the question's last day, None when nobody did."""
    day = date.fromisoformat(past.hand["rules_day"]) if past.hand else past.asked.last_day
    return None if day == past.asked.last_day else day


def _aspect_of(hand: dict[str, Any]) -> dict[str, Any]:
    return {name: hand[name] for name in _NO_HAND}


@dataclass
class _Evaluated:
    """The figures of every combination of factors; `order`: factors that have a column; `why`: what could not be told apart."""

    order: list[str]
    values: Mapping[Coalition, _Figures]
    why: list[dict[str, Any]]


def _evaluate(home: Home, a: Past, b: Past, changed: list[str], decimals: int) -> _Evaluated:
    """Score every combination. Those that cannot be scored join their factors: first time and criteria, then all."""
    from scoring.attribution import coalitions, joined

    values: dict[Coalition, _Figures] = {}
    failed: dict[Coalition, str] = {}
    for chosen in coalitions(changed):
        try:
            values[chosen] = _figures(scored_again(home, _mixed(a, b, chosen)), decimals)
        except (UserError, criteria.NotInForceError, ValueError) as error:
            failed[chosen] = str(error)
    whole = frozenset(changed)
    if frozenset() in failed or whole in failed:
        # Not even the runs themselves come out today: everything is the program's.
        why = failed.get(frozenset()) or failed[whole]
        return _Evaluated([], {}, [{"factors": changed, "why": why}])
    for together in (frozenset({"time", "criteria"}), whole):
        if failed and together <= whole:
            name = "+".join(factor for factor in changed if factor in together)
            rest, left = joined(values, together, name), joined(failed, together, name)
            if not left:
                why_not = [{"factors": sorted(together), "why": next(iter(failed.values()))}]
                return _Evaluated([name, *(factor for factor in changed if factor not in together)], rest, why_not)
    return _Evaluated(changed, values, [])


def _figures(scored: Any, decimals: int) -> _Figures:
    """Return the whole units of a scoring."""
    from scoring.rounding import NO_UNITS, to_units

    lines, totals = scored.scores.criteria, scored.scores.totals
    rows: dict[str, dict[str, int]] = {}
    for subject, code, units in zip(lines["commune"], lines["code"], to_units(lines["points"], decimals).tolist(), strict=True):
        rows.setdefault(subject, {})[code] = 0 if units == NO_UNITS else units
    total, share = to_units(totals["total"], decimals).tolist(), to_units(totals["share"], decimals).tolist()
    for subject, points, index in zip(totals["commune"], total, share, strict=True):
        own = rows.setdefault(subject, {})
        own[LIMIT] = (0 if points == NO_UNITS else points) - sum(own.values())
        if index != NO_UNITS:
            own[_INDEX] = index
    return _Figures(rows)


def _stored(row: dict[str, Any], decimals: int) -> dict[str, int]:
    """Return the whole units of a stored line of a result, as `_figures` of one subject."""
    from scoring.rounding import to_units

    own = {line["code"]: int(to_units(line["points"], decimals)) if line["points"] is not None else 0 for line in row["criteria"]}
    own[LIMIT] = (int(to_units(row["total"], decimals)) if row["total"] is not None else 0) - sum(own.values())
    if row["share_pct"] is not None:
        own[_INDEX] = int(to_units(row["share_pct"], decimals))
    return own


def _commune(key: str, row_a: dict[str, Any], row_b: dict[str, Any], found: _Evaluated, decimals: int) -> dict[str, Any]:
    """Return one subject's change, of its total, its index and every criterion that moved, each with its parts."""
    a, b = _stored(row_a, decimals), _stored(row_b, decimals)
    rows = [*dict.fromkeys([*b, *a])]
    parts = _parts(key, rows, a, b, found)
    points = [row for row in rows if row != _INDEX]
    of_total = {name: sum(parts[row][name] for row in points) for name in (*found.order, "code")}
    # A share of nothing scored is no figure to take a difference from.
    owns = [a, b, *(figures.rows.get(key, {}) for figures in found.values.values())]
    indexed = all(_INDEX in own for own in owns)
    lines_a = {line["code"]: line for line in row_a["criteria"]}
    lines_b = {line["code"]: line for line in row_b["criteria"]}
    moved = []
    for row in points:
        if b.get(row, 0) == a.get(row, 0) and not any(parts[row].values()):
            continue
        line_a, line_b = lines_a.get(row), lines_b.get(row)
        given = (a[LIMIT] / 10**decimals, b[LIMIT] / 10**decimals) if row == LIMIT else (_given(line_a), _given(line_b))
        moved.append({"code": row, **_line(line_a, line_b), **_change(given, parts[row], decimals)})
    index = (row_a["share_pct"], row_b["share_pct"])
    return {
        **_name(row_b),
        "total": _change((row_a["total"], row_b["total"]), of_total, decimals),
        "index": _change(index, parts[_INDEX], decimals)
        if indexed
        else {"from": index[0], "to": index[1], "delta": None, "parts": None},
        "rank": {"from": row_a["rank"], "to": row_b["rank"]},
        "grade": {"from": row_a["grade"], "to": row_b["grade"]},
        "criteria": sorted(moved, key=lambda line: (-abs(line["delta"]), line["code"])),
    }


def _given(line: dict[str, Any] | None) -> float | None:
    points: float | None = line["points"] if line else None
    return points


def _change(given: tuple[float | None, float | None], parts: dict[str, int], decimals: int) -> dict[str, Any]:
    """Return a figure in both runs (None: not scored), and its change with its parts, both None when it never was scored.

    The change is that of what the figure gives to the total: a criterion scored for the first time brings all its points.
    One that neither run scores, but a combination of their factors does, has parts that cancel out.
    """
    scale, known = 10**decimals, given != (None, None) or any(parts.values())
    return {
        "from": given[0], "to": given[1], "delta": sum(parts.values()) / scale if known else None,
        "parts": {name: units / scale for name, units in parts.items()} if known else None,
    }  # fmt: skip


def _parts(key: str, rows: list[str], a: dict[str, int], b: dict[str, int], found: _Evaluated) -> dict[str, dict[str, int]]:
    """Return row → column → units; the columns of a row sum to what was stored in B less what was stored in A."""
    import numpy as np

    from scoring.attribution import shapley

    def figures(of: _Figures) -> NDArray[np.int64]:
        own = of.rows.get(key, {})
        return np.array([own.get(row, 0) for row in rows], dtype=np.int64)

    shares = shapley({chosen: figures(of) for chosen, of in found.values.items()}) if found.order else {}
    out: dict[str, dict[str, int]] = {}
    for place, row in enumerate(rows):
        own = {name: int(shares[name][place]) for name in found.order}
        out[row] = own | {"code": b.get(row, 0) - a.get(row, 0) - sum(own.values())}
    return out


def _line(a: dict[str, Any] | None, b: dict[str, Any] | None) -> dict[str, Any]:
    """Return what a criterion said before and after."""
    line = b or a
    names = ("status", "numerator", "denominator", "value", "max_points")
    return {
        "label": line["label"] if line else None,
        **{name: {"from": a[name] if a else None, "to": b[name] if b else None} for name in names},
    }


def _name(row: dict[str, Any]) -> dict[str, Any]:
    return {"commune": row["commune"], "name": row["name"], "unit_id": row["unit_id"], "officer": row.get("officer")}


def _factors(before: dict[str, Any], after: dict[str, Any], changed: list[str], found: _Evaluated) -> list[dict[str, Any]]:
    """Return every factor with what it was in both runs and whether it differs."""
    a, b = before["recipe"], after["recipe"]

    def said(recipe: dict[str, Any], factor: str) -> Any:
        return {
            "facts": f"{recipe['known_at']} ({recipe['input_count']} tệp)", "time": recipe["question"]["as_of"],
            "definition": recipe["definition"], "criteria": f"{recipe['criteria_set']} ({recipe['criteria_hash'][:12]})",
            "calendar": recipe["calendar"], "units": _borders(recipe), "code": recipe["code"],
            "appraisal": f"{hand['name']} ({hand['version']})" if (hand := recipe.get("scenario")) else None,
        }[factor]  # fmt: skip

    return [
        {"factor": name, "changed": name in changed if name != "code" else a["code"] != b["code"], "from": said(a, name),
         "to": said(b, name)}
        for name in (*FACTORS, "code")
    ]  # fmt: skip


def _borders(recipe: dict[str, Any]) -> str:
    """Return the register of units, and the day of the boundaries when one was asked for."""
    day = recipe["question"].get("units_on")
    return f"{recipe['units']} ({date.fromisoformat(day):%d/%m/%Y})" if day else str(recipe["units"])


def _spoken(home: Home, a: Past, b: Past) -> dict[str, Any]:
    """Return which files only one of the runs knew, and how many dossiers of each unit B's own files brought or changed."""
    from warehouse import runs

    with home.database.begin() as tx:
        new, gone = sorted(set(b.loads) - set(a.loads)), sorted(set(a.loads) - set(b.loads))
        dossiers = runs.spoken(tx, new, a.loads) if new else {}
        return {
            "files_a": runs.file_names(tx, gone), "files_b": runs.file_names(tx, new),
            "dossiers": {unit: {name: plain(n) for name, n in entry.items()} for unit, entry in dossiers.items()},
        }  # fmt: skip
