"""How firm a ranking is: the document of `cchc robustness`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import criteria
from flows.steps.home import Home, UserError
from flows.steps.measure import Question, plain, stamp
from flows.steps.rules import rules_on
from flows.steps.score import Scored, Subject, score_question

if TYPE_CHECKING:
    import pandas as pd

    from criteria.robustness import Ranges
    from scoring.composite import Composite
    from scoring.flips import Flip
    from scoring.robust import Draws, Model, RankStability
    from warehouse.database import Transaction

MOST_DRAWS = 20_000


def ranges_with(draws: int | None, seed: int | None) -> Ranges:
    """Return the ranges on file with another number of draws or seed. Raises: UserError."""
    from criteria.robustness import load_ranges

    try:
        ranges = load_ranges()
    except criteria.CriteriaError as error:
        raise UserError("bad_ranges", f"{error}.") from error
    if draws is not None and not 1 <= draws <= MOST_DRAWS:
        raise UserError("bad_draws", f"Số tình huống {draws} không hợp lệ; dùng 1 đến {MOST_DRAWS}.")
    if seed is not None and seed < 0:
        raise UserError("bad_seed", f"Hạt giống {seed} không hợp lệ; dùng số nguyên từ 0 trở lên.")
    return replace(ranges, draws=draws or ranges.draws, seed=ranges.seed if seed is None else seed)


def robustness(
    home: Home, tx: Transaction, asked: Question, set_name: str | None = None, ranges: Ranges | None = None,
    commune: str | None = None, by_section: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Return rank intervals, drop-one ranks, flips, Sobol indices and strengths; of one commune when it is named.

    Raises: UserError (unknown commune, fewer than two subjects ranked).
    """
    from messages import fmt
    from messages import robustness as words
    from scoring import core, peers, robust
    from scoring.composite import ranks

    ranges = ranges or ranges_with(None, None)
    scored = score_question(home, tx, asked, set_name)
    chosen = home.commune(commune, asked.unit_day).unit_id if commune else None
    if chosen is not None and chosen not in {s.unit.unit_id for s in scored.subjects}:
        raise UserError("unknown_commune", f"Bộ tiêu chí {scored.rules.name} không chấm xã «{commune}» trong kỳ này.")
    model = _model(home, tx, asked, set_name, scored, ranges)
    now = ranks(model.now)
    if (now != core.NO_RANK).sum() < 2:
        raise UserError("nothing_to_rank", words.too_few(fmt.day(asked.last_day)))
    shown = [i for i, s in enumerate(scored.subjects) if chosen in (None, s.unit.unit_id)]
    draws = robust.draw(ranges, model, ranges.draws)
    firm = robust.stability(model, robust.simulate(model, draws), ranges.interval)
    each = robust.by_definition(model)
    return {
        "year": asked.year, "month": asked.month, "as_of": asked.as_of.isoformat(), "known_at": stamp(asked.known_at),
        "definition": asked.definition, "criteria_set": scored.rules.name, "criteria_hash": scored.scores.set_hash,
        "warning": scored.rules.warning, "subject": scored.rules.subject, "ranking_basis": scored.rules.ranking_basis,
        "commune": commune and chosen, "ranges": _ranges(model, ranges),
        "mean_shift": round(firm.mean_shift, 4), "mean_shift_by_source": _by_source(model, draws, ranges),
        "ranking": [_subject(firm, ranges, each, scored.subjects, i) for i in shown if now[i] != core.NO_RANK],
        "without_each": _without(model, shown), "pairs": _pairs(model.now, scored.subjects, shown),
        "sensitivity": _sensitivity(robust.sobol(model, ranges, by_section), scored.subjects, shown if chosen else []),
        "standing": _standing(peers.strengths(model.now), scored, shown),
    }  # fmt: skip


def _model(home: Home, tx: Transaction, asked: Question, set_name: str | None, scored: Scored, ranges: Ranges) -> Model:
    """Return the model: the definition asked for and, unless the set prescribes one, every other definition of late."""
    from scoring import robust

    names = [asked.definition]
    if ranges.vary_definitions and "overdue" not in scored.rules.definitions:
        names += [name for name in criteria.load_definitions("overdue").by_name if name != asked.definition]
    frames = {asked.definition: _known(scored.measures)}
    for name in names[1:]:
        frames[name] = _known(score_question(home, tx, replace(asked, definition=name), set_name).measures)
    rules = rules_on(home, set_name, asked.last_day)
    return robust.model(frames, scored.declarations, rules, [s.subject_id for s in scored.subjects], ranges.band)


def _known(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["numerator"].notna()]


def _ranges(model: Model, ranges: Ranges) -> dict[str, Any]:
    from messages import robustness as words

    found = {
        "method": ranges.method, "concentration": ranges.concentration, "spread": ranges.spread, "band": ranges.band,
        "draws": ranges.draws, "seed": ranges.seed, "interval": list(ranges.interval), "sobol_points": ranges.sobol_points,
        "definitions": [v.name for v in model.variants], "provenance": ranges.provenance, "note": ranges.note,
        "thresholds": [
            {
                "name": f.name, "low": round(f.low, 6), "high": round(f.high, 6),
                "criteria": [model.now.codes[k] for k in f.columns],
            }
            for f in model.factors
        ],
    }  # fmt: skip
    return found | {"text": words.ranges_text(found)}


def _by_source(model: Model, draws: Draws, ranges: Ranges) -> dict[str, float]:
    """Return the mean rank shift when only one source of uncertainty moves."""
    from scoring import robust

    found = {}
    for source in robust.sources(model):
        drawn = robust.simulate(model, robust.only(model, draws, **{source: True}))
        found[source] = round(robust.stability(model, drawn, ranges.interval).mean_shift, 4)
    return found


def _who(subject: Subject) -> dict[str, Any]:
    name = subject.unit.name if subject.officer is None else f"{subject.officer} ({subject.unit.name})"
    found = {"commune": subject.unit.code, "unit_id": subject.unit.unit_id, "name": name}
    return found if subject.officer is None else found | {"officer": subject.officer}


def _subject(firm: RankStability, ranges: Ranges, each: dict[str, Any], subjects: list[Subject], i: int) -> dict[str, Any]:
    from messages import robustness as words

    rank, low, high = int(firm.now[i]), int(firm.low[i]), int(firm.high[i])
    chances = {str(k + 1): round(float(p), 4) for k, p in enumerate(firm.probability[i]) if p > 0}
    mass = ranges.interval[1] - ranges.interval[0]
    return _who(subjects[i]) | {
        "rank": rank, "low": low, "high": high, "keep": round(float(firm.keep[i]), 4),
        "shift": round(float(firm.shift[i]), 4), "probability": chances,
        "by_definition": {name: int(found[i]) or None for name, found in each.items()},
        "text": words.interval_text(rank, low, high, round(mass, 6)),
    }  # fmt: skip


def _without(model: Model, shown: list[int]) -> list[dict[str, Any]]:
    """Return, for each criterion that moves somebody when it is left out, who is then where."""
    from scoring.composite import ranks, without_each

    now, found = ranks(model.now), without_each(model.now)
    rows = []
    for k, criterion in enumerate(model.criteria):
        moved = [i for i in shown if found[k, i] != now[i]]
        if moved:
            rows.append(
                {
                    "code": criterion.code, "label": criterion.label, "max_points": plain(criterion.max_points),
                    "moved": len(moved), "largest": max(abs(int(found[k, i] - now[i])) for i in moved),
                    "ranks": {model.now.names[i]: int(found[k, i]) or None for i in moved},
                }
            )  # fmt: skip
    return sorted(rows, key=lambda row: (-row["moved"], -row["largest"]))


def _pairs(now: Composite, subjects: list[Subject], shown: list[int]) -> list[dict[str, Any]]:
    from scoring.flips import flips, neighbours

    mine = [pair for pair in neighbours(now) if set(pair) & set(shown)]
    return [_pair(now, subjects, found) for found in flips(now, mine)]


def _pair(now: Composite, subjects: list[Subject], found: Flip) -> dict[str, Any]:
    from messages import robustness as words
    from scoring.flips import rounded_up

    pair: dict[str, Any] = {
        "upper": _who(subjects[found.upper]), "lower": _who(subjects[found.lower]), "gap": round(found.gap, 6),
        "gap_unit": "share" if now.basis == "share" else "points",
        "moved": None if found.moved is None else rounded_up(found.moved, now.decimals), "least": found.exact,
        "taken": [{"code": code, "points": rounded_up(x, now.decimals)} for code, x in found.taken.items()],
        "given": [{"code": code, "points": rounded_up(x, now.decimals)} for code, x in found.given.items()],
        "shift": None if found.shift is None else {
            "code": found.shift.code, "gains": found.shift.gains, "points": found.shift.points,
            "share": round(found.shift.share, 6),
        },
    }  # fmt: skip
    return pair | {"text": words.flip_text(pair), "shift_text": words.shift_text(pair)}


def _sensitivity(frame: pd.DataFrame, subjects: list[Subject], shown: list[int]) -> list[dict[str, Any]]:
    """Return Sobol indices: on the mean shift (outcome null), and on the rank of the subjects shown."""
    from messages import robustness as words

    names = {subjects[i].subject_id: _who(subjects[i])["name"] for i in shown}
    return [
        {
            "outcome": names.get(row["outcome"]), "source": row["source"], "label": words.source_label(row["source"]),
            "first": _rounded(row["first"]), "total": _rounded(row["total"]),
        }
        for row in frame.to_dict("records")
        if row["outcome"] == "" or row["outcome"] in names
    ]  # fmt: skip


def _rounded(value: float) -> float | None:
    return None if value != value else round(float(value), 4)


def _standing(frame: pd.DataFrame, scored: Scored, shown: list[int]) -> list[dict[str, Any]]:
    """Return strengths and weaknesses of the subjects shown."""
    from messages import robustness as words

    labels = {c.code: c.label for c in scored.rules.criteria}
    subjects = {scored.subjects[i].subject_id: scored.subjects[i] for i in shown}
    rows = []
    for row in frame.to_dict("records"):
        if row["commune"] not in subjects:
            continue
        found = {
            "side": row["side"], "place": int(row["place"]), "code": row["code"], "label": labels[row["code"]],
            "share": round(row["share"], 6), "median": round(row["median"], 6), "points": round(row["points"], 4),
            "better": int(row["better"]), "equal": int(row["equal"]), "peers": int(row["peers"]),
        }  # fmt: skip
        rows.append(_who(subjects[row["commune"]]) | found | {"text": words.standing_text(found)})
    return rows
