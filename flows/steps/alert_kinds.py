"""What each kind of alert rule sees of the warehouse. Missing figures are unknown, never clear."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from flows.steps.alert_sights import Seen, Sights, plain_threshold
from flows.steps.home import ZONE
from scoring.alerts import BREACHED, CLEAR, UNKNOWN, Observation, figure

if TYPE_CHECKING:
    import pandas as pd

    from criteria.alerts import AlertRule
    from criteria.model import TargetValue
    from sources.units import Unit

MOST_DOSSIERS: Final = 20
#: How a commitment is written → how it is broken.
_BROKEN: Final = {"<": ">=", "<=": ">", ">=": "<", ">": "<="}


def _measure(sights: Sights, rule: AlertRule) -> Seen:
    """A rate against its target, or against what a notice asks of the commune."""
    target = sights.scored.rules.targets.get(rule.target) if rule.target else None
    behind = [c.code for c in sights.scored.rules.criteria if c.measure == rule.measure]
    edge = target.value if target else plain_threshold(rule.threshold)
    found: dict[str, tuple[float | None, str, dict[str, Any]]] = {}
    for unit in (each.unit_id for each in sights.communes):
        top, bottom = sights.figures.get((unit, str(rule.measure)), (None, None))
        value = top / bottom if top is not None and bottom and bottom >= rule.min_cases else None
        promise = None if rule.own else _promise(sights, unit, rule)
        basis = _promised(promise, rule) if promise else {"threshold": edge, **_targeted(sights, unit, target)}
        wanted = basis["threshold"]
        told = figure(value, wanted, basis.get("breached") or rule.breached, rule.margin_at(wanted))
        found[unit] = value, told, basis
    over = [unit for unit in sights.communes if found[unit.unit_id][1] == BREACHED]
    late = _late_codes(sights, over) if rule.measure == "overdue_rate" and over else {}

    def each() -> Iterator[Observation]:
        for unit, (value, told, basis) in found.items():
            top, bottom = sights.figures.get((unit, str(rule.measure)), (None, None))
            lost = [float(sights.lost[unit, code]["lost"] or 0) for code in behind if (unit, code) in sights.lost]
            codes = late.get(unit, [])
            yield sights.saw(
                rule, unit, value=value, seen=told, numerator=top, denominator=bottom, points=round(sum(lost), 2),
                criteria=behind, dossiers=codes[:MOST_DOSSIERS] or None, dossier_count=len(codes) or None, **basis,
            )  # fmt: skip

    return sights.seen(rule, each())


def _promised(promise: Mapping[str, Any], rule: AlertRule) -> dict[str, Any]:
    """Return what a notice asks of a commune, as `Sights.saw` takes it. breached: when its very limit counts otherwise."""
    known, broken = promise["threshold_known"], _BROKEN.get(promise["op"], rule.breached)
    return {
        "threshold": promise["threshold"], "owner": promise["owner"], "clause": promise["source"], "text": "",
        "provenance": promise["provenance"] if known else "assumed", "note": promise["threshold_note"],
        "breached": broken if broken != rule.breached and broken[0] == rule.breached[0] else None,
    }  # fmt: skip


def _targeted(sights: Sights, unit: str, target: TargetValue | None) -> dict[str, Any]:
    """Return what a target rests on. One out of a notice that does not bind the commune is assumed for it."""
    if target is None:
        return {}
    text = target.source.instrument
    provenance = "assumed" if sights.foreign(unit, text) else target.provenance
    return {"clause": str(target.source), "text": text, "provenance": provenance, "note": target.note}


def _promise(sights: Sights, unit: str, rule: AlertRule) -> dict[str, Any] | None:
    """Return the strictest commitment of a notice on the rule's measure that binds a unit, if one does."""
    rows = (row for row in sights.commitments.get(unit, []) if row["kind"] == "measure" and row["measure"] == rule.measure)
    strictest = min if rule.breached in (">=", ">") else max
    shares = (row for row in rows if row["unit"] == "share" and row["threshold"] is not None)
    return strictest(shares, key=lambda row: row["threshold"], default=None)


def _late_codes(sights: Sights, units: Sequence[Unit]) -> dict[str, list[str]]:
    """Return unit → the codes of its late dossiers, the worst first. One reading of the facts for all of them."""
    from flows.steps.boundaries import spans_of
    from warehouse import marts

    asked = sights.asked
    spans: list[dict[str, Any]] = []
    of: dict[str, str] = {}
    for unit in units:
        mine = spans_of(sights.scored.view, unit, asked.first_day, asked.last_day, whole=True)
        spans += mine
        of |= {span["unit_code"]: unit.unit_id for span in mine}
    rows = marts.evidence(
        sights.tx, ["overdue_rate"], spans=spans, definition=asked.definition, as_of=asked.as_of, known_at=asked.known_at
    )["overdue_rate"]
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(of[row["unit_code"]], []).append(row["dossier_code"])
    return found


def _commitment(sights: Sights, rule: AlertRule) -> Seen:
    """Commitments of notices that are missed; those on rates have rules of their own."""
    watched = {"overdue_rate", "satisfaction_index", "online_rate", "postal_rate", "online_payment_rate"}

    def each() -> Iterator[Observation]:
        for unit, rows in sights.commitments.items():
            for row in rows:
                if row["kind"] == "measure" and row["measure"] in watched:
                    continue
                told = {"missed": BREACHED, "no_data": UNKNOWN}.get(row["state"], CLEAR)
                yield sights.saw(
                    rule, unit, f"{row['notice']}:{row['code']}", value=row["value"], threshold=row["threshold"], seen=told,
                    owner=row["owner"], label=row["label"], clause=row["source"], text="", provenance=row["provenance"],
                    said=row["value_text"], wanted=row["threshold_text"], gap=row["gap_text"],
                )  # fmt: skip

    return sights.seen(rule, each(), complete=sights.only is None and bool(sights.commitments))


def _survey_days(sights: Sights, rule: AlertRule) -> Seen:
    """Working days without forms among the last ones that an export has told of."""
    from warehouse import alerts

    window = alerts.working_days_back(sights.tx, sights.day - timedelta(1), rule.window_days)
    days = alerts.survey_days(sights.tx, sorted(sights.ids), window[0], sights.day) if window else {}
    told_until = max((max(each) for each in days.values() if each), default=None)
    told_of = [day for day in window if told_until is not None and day <= told_until]

    def each() -> Iterator[Observation]:
        for unit in sights.communes:
            begun = sights.scored.view.period_of(unit) if sights.scored.view else None
            mine = [day for day in told_of if begun and begun[0] <= day]
            empty = [day.isoformat() for day in mine if day not in days[unit.unit_id]]
            known = sights.figures.get((unit.unit_id, "satisfaction_index"), (None, None))[0] is not None
            value = float(len(empty)) if mine and known else None
            yield sights.saw(rule, unit.unit_id, value=value, days=empty)

    return sights.seen(rule, each())


def _review_months(sights: Sights, rule: AlertRule) -> Seen:
    """Months of the year without a review of officials, once some days are over. Without any review ever told, nobody knows."""
    from warehouse import alerts

    years = (sights.year - 1, sights.year)
    reviewed = {year: alerts.review_months(sights.tx, year, sights.day) for year in years}

    def each() -> Iterator[Observation]:
        for unit in sights.communes:
            since = max(unit.valid_from, date(sights.year - 1, 12, 1))  # last December is over for some days in January only
            told_of = [year for year in years if unit.unit_id in reviewed[year]]
            for month in _months(since, sights.day - timedelta(days=rule.grace_days)):
                missing = month.month not in reviewed[month.year].get(unit.unit_id, set())
                known = any(year <= month.year for year in told_of)
                told = UNKNOWN if not known else BREACHED if missing else CLEAR
                yield sights.saw(rule, unit.unit_id, f"{month:%Y-%m}", value=None, seen=told)

    return sights.seen(rule, each())


def _months(since: date, until: date) -> Iterator[date]:
    """Yield the first day of every month from the one that holds a day on that is over by another."""
    month = since.replace(day=1)
    while (following := (month + timedelta(days=31)).replace(day=1)) <= until:
        yield month
        month = following


def _grade_chance(sights: Sights, rule: AlertRule) -> Seen | None:
    """The chance of the good grade in the latest forecast."""
    if sights.forecast is None:
        return None
    rows = sights.forecast["communes"]
    grade = sights.forecast.get("good_grade")
    return sights.seen(rule, [sights.saw(rule, row["unit_id"], value=row["p_good"], grade=grade) for row in rows])


def _rank_drop(sights: Sights, rule: AlertRule) -> Seen | None:
    """By how many places the expected rank is worse than in the forecast of some days before."""
    if sights.forecast is None:
        return None
    then = datetime.fromisoformat(sights.forecast["as_of"]) - timedelta(days=rule.window_days)
    earlier = sights.stored(then + timedelta(hours=6))  # a night comes some minutes earlier or later than a week before
    if earlier is None:
        return None
    before = {row["unit_id"]: row["expected_rank"] for row in earlier["communes"]}

    def each() -> Iterator[Observation]:
        for row in sights.forecast["communes"] if sights.forecast else ():
            now, was = row["expected_rank"], before.get(row["unit_id"])
            value = None if now is None or was is None else round(now - was, 2)
            yield sights.saw(rule, row["unit_id"], value=value, rank=now, rank_before=was, since=earlier["as_of"])

    return sights.seen(rule, each())


def _lost_points(sights: Sights, rule: AlertRule) -> Seen | None:
    """How many more points a criterion loses than in the score published some days before."""
    from warehouse import alerts

    then = sights.moment - timedelta(days=rule.window_days) + timedelta(hours=6)
    rules = sights.scored.rules
    before = alerts.lost_before(sights.tx, sights.year, rules.name, sights.asked.definition, then)
    if not before:
        return None

    def each() -> Iterator[Observation]:
        for (unit, code), row in sights.lost.items():
            if unit not in sights.ids or (unit, code) not in before:
                continue
            value = None if row["status"] != "scored" else round(float(row["lost"]) - before[unit, code], 2)
            owner = rules.criterion(code).owner
            yield sights.saw(rule, unit, code, value=value, owner=owner, points=value, label=rules.criterion(code).label)

    return sights.seen(rule, each(), complete=False)


def _named_again(sights: Sights, rule: AlertRule) -> Seen:
    """Officials whom several forms of the year complain of by name. The name's key is the subject; it is shown to nobody."""
    from hashlib import sha256

    from warehouse import queries

    rows = queries.named_complaints(sights.tx, first_day=sights.asked.first_day, last_day=sights.asked.last_day, known_at=None)

    def each() -> Iterator[Observation]:
        for row in rows:
            key = sha256(f"{row['unit_code']}|{queries.official_key(row['official'])}".encode()).hexdigest()[:16]
            yield sights.saw(
                rule, row["unit_code"], key, value=float(row["forms"]), months=row["months"],
                dossiers=row["dossier_codes"][:MOST_DOSSIERS] or None, dossier_count=len(row["dossier_codes"]) or None,
            )  # fmt: skip

    return sights.seen(rule, each())


def _due_soon(sights: Sights, rule: AlertRule) -> Seen:
    """Open dossiers whose due day is near."""
    from warehouse import forecast_facts

    asked = sights.asked
    seen = forecast_facts.Seen(asked.as_of, asked.last_day, asked.known_at, asked.definition)
    view = sights.scored.view
    members = {m.unit_id: unit.unit_id for unit in sights.communes for m in (view.lineage(unit) if view else [unit])}
    frame: pd.DataFrame = forecast_facts.open_dossiers(sights.tx, seen, sorted(members))
    near = frame[frame["days_left"].between(0, rule.window_days) & ~frame["late"].astype(bool)]
    found: dict[str, list[str]] = {}
    for row in near.sort_values(["days_left", "dossier_code"]).to_dict("records"):
        found.setdefault(members[row["unit_code"]], []).append(row["dossier_code"])

    def each() -> Iterator[Observation]:
        for unit in sights.communes:
            codes = found.get(unit.unit_id, [])
            known = sights.figures.get((unit.unit_id, "received"), (None, None))[0] is not None
            value = float(len(codes)) if known else None
            yield sights.saw(
                rule, unit.unit_id, value=value, dossiers=codes[:MOST_DOSSIERS] or None, dossier_count=len(codes) or None
            )

    return sights.seen(rule, each())


def _source_late(sights: Sights, rule: AlertRule) -> Seen:
    """Sources silent beyond their deadline: as a whole, or about one commune while they still speak of others."""
    from messages.quality import source_name
    from warehouse import checks

    levels = checks.thresholds()["freshness"]
    rows = checks.cross(sights.tx, "freshness", as_of=sights.moment, last_day=sights.day)
    alive = {unit.unit_id for unit in sights.scored.units}
    by_source: dict[str, dict[str, int]] = {}
    for row in rows:
        if row["unit_code"] in alive:
            by_source.setdefault(row["source"], {})[row["unit_code"]] = int(row["silent_days"])

    def each() -> Iterator[Observation]:
        for source, silent in by_source.items():
            limit = float(plain_threshold(rule.threshold) or levels["days"].get(source, levels["default_days"]))
            least, label = min(silent.values()), source_name(source)
            whole = least > limit
            for unit, days in [("", least), *silent.items()]:
                late = days > limit and (unit == "" or not whole)
                yield sights.saw(
                    rule, unit, source, value=float(days), threshold=limit, seen=BREACHED if late else CLEAR, label=label,
                )  # fmt: skip

    return Seen(list(each()), frozenset({"", *alive}))


def _file_rejected(sights: Sights, rule: AlertRule) -> Seen:
    """Files that were rejected lately and are not loaded since. Their names stay on the machine: they may name an applicant."""
    from warehouse import alerts

    rows = alerts.rejected_files(sights.tx, sights.moment - timedelta(days=rule.window_days))
    found = [
        sights.saw(
            rule, "", row["sha256"][:16], value=None, seen=BREACHED, reason=row["reason"], received=_local(row["received_at"])
        )
        for row in rows
    ]
    return Seen(found, frozenset({""}), past="settled")


def _local(moment: datetime | None) -> str | None:
    return moment.astimezone(ZONE).isoformat(timespec="seconds") if moment else None


def _night_missed(sights: Sights, rule: AlertRule) -> Seen:
    """Nights that should have run and did not: one episode, for a machine that was off over the holidays missed many."""
    from flows.steps.nights import missed

    nights = [day.isoformat() for day in missed(sights.tx, sights.moment)]
    found = [sights.saw(rule, "", value=None, seen=BREACHED, nights=nights)] if nights else []
    return Seen(found, frozenset({""}), past="made_up")


def _stuck(sights: Sights, rule: AlertRule) -> Seen:
    """What keeps the machine from its work: a disk that is nearly full, a work of the desk, an inbox elsewhere."""
    from flows.steps import health

    found = health.stuck(sights.home, sights.tx)
    seen = [sights.saw(rule, "", subject, value=None, seen=BREACHED, code=code) for subject, code in found.items()]
    return Seen(seen, frozenset({""}))


KINDS: Final[Mapping[str, Callable[[Sights, Any], Seen | None]]] = {
    "measure": _measure, "commitment": _commitment, "survey_days": _survey_days, "review_months": _review_months,
    "grade_chance": _grade_chance, "rank_drop": _rank_drop, "lost_points": _lost_points, "named_again": _named_again,
    "due_soon": _due_soon, "source_late": _source_late, "file_rejected": _file_rejected, "night_missed": _night_missed,
    "stuck": _stuck,
}  # fmt: skip
