"""What a forecast is made from, held against the plainest pandas over the invented truth, for several days and knowledges."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from flows.steps.forecast_inputs import inputs_of
from flows.steps.home import Home, UserError, parse_moment
from flows.steps.measure import question
from flows.steps.score import score_question
from scoring.forecast.inputs import Inputs, month_number
from sources.calendar import WorkCalendar
from synthetic import truth
from synthetic.profiles import Settings
from tests.flows.forecast_kit import fill, inputs_at, world_of

if TYPE_CHECKING:
    from synthetic.world import World

pytestmark = [pytest.mark.db, pytest.mark.slow]
YEARS = (2019, 2020)
SHARED = ("time_points_rate", "agency_time_points_rate", "contact_points_rate", "attitude_points_rate")


@pytest.fixture(scope="module")
def district(installation: Home, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, World]:
    """Two small years, one of them a leap year, that came month by month."""
    from tests.conftest import empty

    empty(installation)
    world = world_of(YEARS, 7, Settings(scale=0.2))
    fill(installation, world, tmp_path_factory.mktemp("years"))
    return installation, world


def seen_by(world: World, as_of: dt.datetime, known: dt.datetime | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The dossiers and forms as they stood at a moment, by what was known at another one (None: at the end)."""
    later = world.at(known) if known else world
    dossiers = later.dossiers[later.dossiers["received_at"] <= as_of].reset_index(drop=True)
    for name in ("finished_at", "returned_at"):
        dossiers[name] = dossiers[name].where(dossiers[name] <= as_of)
    forms = later.table("survey_forms")
    return dossiers, forms[forms["answered_on"] <= as_of]


def counted(frame: pd.DataFrame, weights: Any = None) -> pd.Series:
    """Rows, or sums of weights, by unit and month number (the column `at`)."""
    values = pd.Series(1.0, index=frame.index) if weights is None else pd.Series(weights, index=frame.index).astype(float)
    return values.groupby([frame["unit_code"].astype(str), frame["at"]]).sum()


def expected(world: World, dossiers: pd.DataFrame, forms: pd.DataFrame, as_of: dt.datetime, definition: str) -> dict[str, Any]:
    """Measure → (successes, trials) by unit and month, counted afresh."""

    def at(frame: pd.DataFrame, name: str) -> pd.DataFrame:
        frame = frame[frame[name].notna()]
        return frame.assign(at=frame[name].dt.year * 12 + frame[name].dt.month - 1)

    came, done, forms = at(dossiers, "received_at"), at(dossiers, "finished_at"), at(forms, "answered_on")
    yes = {name: done[name].fillna(False) for name in ("result_digitised", "result_electronic")}
    parts, fee = came["components_digitised"].fillna(False), came["fee_amount"].fillna(0) > 0
    online = came["channel"] == "online"
    late = pd.concat(
        truth.overdue(done[done["at"] == month], world.procedures, definition, dt.datetime(1990, 1, 1), as_of, WorkCalendar.load())
        .assign(at=month) for month in sorted(done["at"].unique())
    )  # fmt: skip
    heard = forms[forms["dossier_code"].notna() & truth.complains(forms)]["dossier_code"]

    def points(due: str) -> tuple[pd.DataFrame, pd.Series]:
        dated = done[done[due].notna()]
        early = dated["finished_at"].dt.normalize() < dated[due].dt.normalize()
        return dated, early.astype(int) + (dated["finished_at"] <= dated[due]).astype(int)

    (dated, timed), (inside, agency) = points("due_at"), points("internal_due_at")
    asked = came[came["supplement_count"].notna()]
    answers = forms[list(truth.FACTORS)]
    worked = forms[forms["answered_on"].dt.date.map(WorkCalendar.load().is_working)]
    days = worked.drop_duplicates(["unit_code", "answered_on"])
    found = {
        "received": (counted(came), None), "resolved": (counted(done), None),
        "overdue_rate": (counted(late, late["late"]), counted(late)),
        "online_rate": (counted(came, online), counted(came)),
        "postal_rate": (counted(came, came["channel"] == "postal"), counted(came)),
        "online_rate_direct_and_online": (counted(came, online), counted(came[came["channel"].isin(["direct", "online"])])),
        "online_payment_rate": (counted(came, fee & came["paid_online"].fillna(False)), counted(came, fee)),
        "online_electronic_rate": (
            counted(came, online & came["finished_at"].notna() & came["result_electronic"].fillna(False)), counted(came)
        ),
        "components_digitised_rate": (counted(came, parts), counted(came, came["components_digitised"].notna())),
        "result_digitised_rate": (counted(done, yes["result_digitised"]), counted(done, done["result_digitised"].notna())),
        "electronic_result_rate": (counted(done, yes["result_electronic"]), counted(done)),
        "reused_data_rate": (counted(came, parts & came["reused_data"].fillna(False)), counted(came, parts)),
        "repeat_supplement_rate": (counted(asked, asked["supplement_count"] > 1), counted(asked)),
        "time_points_rate": (counted(dated, timed), 2 * counted(dated)),
        "agency_time_points_rate": (counted(inside, agency), 2 * counted(inside)),
        "contact_points_rate": (counted(asked, (2 - asked["supplement_count"]).clip(lower=0)), 2 * counted(asked)),
        "attitude_points_rate": (counted(dated, timed.mask(dated["dossier_code"].isin(heard), 0)), 2 * counted(dated)),
        "satisfaction_index": (counted(forms, (answers >= 4).sum(axis=1)), counted(forms, answers.notna().sum(axis=1))),
        "satisfaction_officials": (counted(forms, forms["officials"] >= 4), counted(forms, forms["officials"].notna())),
        "survey_day_coverage": (counted(days), None),
    }  # fmt: skip
    return found


def grid(series: pd.Series, found: Inputs) -> np.ndarray:
    """A series by unit and month over the units and months of the inputs; nothing is 0."""
    index = pd.MultiIndex.from_product([found.units, found.calendar.months])
    return series.reindex(index).fillna(0).to_numpy().reshape(len(found.units), -1)


CASES = [
    ("2019-12-31", "2019-12-31", "qd766"), ("2020-02-29", "2020-02-29", "ii06"), ("2020-02-29", None, "opencps"),
    ("2020-06-17", None, "qd766"), ("2020-06-17T10:30:00", None, "provincial_766"), ("2020-12-31", None, "provincial_766"),
    ("2020-09-30", "2020-09-30", "provincial_766"),
]  # fmt: skip


@pytest.mark.parametrize(("as_of", "known_at", "definition"), CASES)
def test_months_are_those_of_the_truth(district: tuple[Home, World], as_of: str, known_at: str | None, definition: str) -> None:
    home, world = district
    found, _ = inputs_at(home, as_of, known_at, definition)
    moment = parse_moment(as_of).replace(tzinfo=None)
    known = parse_moment(known_at).replace(tzinfo=None) if known_at else None
    dossiers, forms = seen_by(world, moment, known)
    months = found.calendar.months
    assert months.tolist() == list(range(2019 * 12, month_number(moment.date()) + 1))
    assert found.units == tuple(c.unit_code for c in world.communes)
    truly = expected(world, dossiers, forms, moment, definition)
    for name, (successes, trials) in truly.items():
        if name in ("received", "resolved"):
            assert np.array_equal(getattr(found, name), grid(successes, found)), name
            continue
        assert np.array_equal(found.panels[name].successes, grid(successes, found)), name
        if trials is not None:
            assert np.array_equal(found.panels[name].trials, grid(trials, found)), name
    assert np.array_equal(found.panels["survey_day_coverage"].trials, np.tile(found.calendar.worked, (len(found.units), 1)))
    for panel in found.panels.values():
        assert (panel.successes <= panel.trials).all() and (panel.successes >= 0).all()


@pytest.mark.parametrize(("as_of", "known_at", "definition"), CASES)
def test_this_years_months_and_what_is_open_are_the_year_to_date(
    district: tuple[Home, World], as_of: str, known_at: str | None, definition: str
) -> None:
    """The very figures of the score: a forecast that adds nothing ends where the year stands."""
    home, _ = district
    found, scored = inputs_at(home, as_of, known_at, definition)
    now = scored.measures.set_index(["measure", "commune"])
    this_year = found.calendar.months >= found.year * 12
    late, held = (
        found.open[found.open[name]].groupby("commune").size().reindex(found.units).fillna(0) for name in ("late", "counted")
    )
    for name, panel in found.panels.items():
        numerator, denominator = (now.loc[name][part].reindex(found.units) for part in ("numerator", "denominator"))
        extra = {"overdue_rate": late, "on_time_rate": held - late}.get(name, 0 * late)
        assert np.allclose(panel.successes[:, this_year].sum(axis=1) + extra, numerator), name
        assert np.allclose(
            panel.trials[:, this_year].sum(axis=1) + (held if name.startswith(("over", "on_")) else 0), denominator
        ), name
    assert found.received[:, this_year].sum(axis=1).tolist() == now.loc["received"]["numerator"].reindex(found.units).tolist()
    opened = found.open.groupby("commune").size().reindex(found.units).fillna(0)
    assert opened.tolist() == now.loc["open"]["numerator"].reindex(found.units).tolist()


@pytest.mark.parametrize(("as_of", "known_at", "definition"), CASES)
def test_open_dossiers_and_endings(district: tuple[Home, World], as_of: str, known_at: str | None, definition: str) -> None:
    home, world = district
    found, _ = inputs_at(home, as_of, known_at, definition)
    moment = parse_moment(as_of).replace(tzinfo=None)
    dossiers, _ = seen_by(world, moment, parse_moment(known_at).replace(tzinfo=None) if known_at else None)
    calendar = WorkCalendar.load()
    due = dossiers["due_at"]
    if definition == "qd766":
        due = due.fillna(truth.latest_due(dossiers, world.procedures, calendar))
    dossiers = dossiers.assign(due=due)

    def between(first: dt.date, last: dt.date) -> int:
        """Working days after one day up to another, negative when the other is earlier."""
        if last < first:
            return -len(calendar.working_days(last + dt.timedelta(1), first))
        return len(calendar.working_days(first + dt.timedelta(1), last)) if last > first else 0

    opened = dossiers[dossiers["finished_at"].isna()].set_index("dossier_code")
    judged = truth.overdue(opened.reset_index(), world.procedures, definition, dt.datetime(1990, 1, 1), moment, calendar)
    judged = judged.set_index("dossier_code")["late"]
    assert sorted(found.open["dossier_code"]) == sorted(opened.index)
    for row in found.open.itertuples():
        true = opened.loc[row.dossier_code]
        assert (row.commune, row.procedure) == (
            true["unit_code"],
            true["procedure_code"] if true["procedure_code"] == true["procedure_code"] else "",
        )
        assert row.received_on == true["received_at"].date()
        assert (row.counted, row.late) == (row.dossier_code in judged.index, bool(judged.get(row.dossier_code, False)))
        if pd.isna(true["due"]):
            assert row.due_on is None and np.isnan(row.days_left) and np.isnan(row.allowed)
            continue
        day = true["due"].date()
        left = between(moment.date(), day)
        assert (row.due_on, row.days_left) == (day, min(left, -1) if day < moment.date() else left)
        assert row.allowed == between(row.received_on, day)

    done = dossiers[dossiers["finished_at"].notna()]
    judged = truth.overdue(done, world.procedures, definition, dt.datetime(1990, 1, 1), moment, calendar)
    done = done.loc[judged.index].assign(late=judged["late"])
    done = done[done["due"].notna()]
    allowed = [min(between(a.date(), b.date()), 60) for a, b in zip(done["received_at"], done["due"])]
    spare = [
        -1 if late else min(max(between(a.date(), b.date()), 0), 60)
        for a, b, late in zip(done["finished_at"], done["due"], done["late"])
    ]
    true = done.assign(allowed=allowed, spare=spare, procedure=done["procedure_code"].astype(object).fillna(""))
    true["unit_code"] = true["unit_code"].astype(str)
    histogram = true.groupby(["unit_code", "procedure", "allowed", "spare"]).size().to_dict()
    keys = ["commune", "procedure", "allowed", "spare"]
    assert found.endings.set_index(keys)["dossiers"].to_dict() == histogram
    assert (found.endings["spare"] == -1).any() and (found.endings["spare"] == 0).any()


@pytest.mark.parametrize(
    ("as_of", "known_at"), [("2020-05-31", "2020-05-31"), ("2020-11-10", None), ("2019-12-31", "2019-12-31")]
)
def test_registers_are_those_of_the_day(district: tuple[Home, World], as_of: str, known_at: str | None) -> None:
    home, world = district
    found, _ = inputs_at(home, as_of, known_at)
    seen = world.at(parse_moment(as_of).replace(tzinfo=None))
    year, units = found.year, list(found.units)

    def same(frame: pd.DataFrame, true: pd.DataFrame) -> None:
        order = list(frame.columns)
        true = true.rename(columns={"unit_code": "commune"})[order]
        texts = [
            x.astype(object).where(x.notna(), None).astype(str).sort_values(order).to_numpy().tolist() for x in (frame, true)
        ]
        assert texts[0] == texts[1]

    tasks = seen.table("tasks")
    for name in ("assigned_on", "due_on", "done_on"):
        tasks[name] = tasks[name].dt.date
    same(found.tasks, tasks)
    said = seen.table("declarations")
    said = said.assign(declared_on=said["declared_on"].dt.date, points=said["points"] + 0.0)  # no -0.0
    same(found.past_declarations, said[said["year"] < year])
    announced = seen.table("published_results")
    announced["published_on"] = announced["published_on"].dt.date
    same(found.published.astype({"rank": "int64"}), announced[announced["year"] < year])
    ideas, reviews = seen.table("initiatives"), seen.table("officer_reviews")
    for true, name, column in ((ideas, "initiatives", "submitted_on"), (reviews, "reviews", "month")):
        frame = getattr(found, name)
        months = true[column].dt.year * 12 + true[column].dt.month - 1
        counts = true.groupby([true["unit_code"], months]).size()
        got = (
            frame.set_index(["commune", "month"]).iloc[:, :1] if name == "initiatives" else frame.set_index(["commune", "month"])
        )
        assert sorted(got.index) == sorted(counts.index)
        assert name == "reviews" or got["initiatives"].to_dict() == counts.to_dict()
    forms = seen.table("survey_forms")
    forms = forms[forms["named_official"].notna() & truth.complains(forms)]
    counts = forms.groupby(["unit_code", forms["answered_on"].dt.year * 12 + forms["answered_on"].dt.month - 1]).size()
    assert found.named_complaints.set_index(["commune", "month"])["forms"].to_dict() == counts.to_dict()
    reports = seen.table("monthly_reports")
    reports = reports[reports["unit_code"].isin(units)]
    assert len(found.monthly_reports) == len(reports) and found.monthly_reports["open_total"].sum() == reports["open_total"].sum()


def test_what_came_later_is_not_known(district: tuple[Home, World]) -> None:
    """August by what was known at the end of June: two months are unknown, not empty."""
    home, _ = district
    found, _ = inputs_at(home, "2020-08-31", "2020-06-30")
    june, _ = inputs_at(home, "2020-06-30", "2020-06-30")
    assert np.isnan(found.received[:, -2:]).all() and np.isnan(found.resolved[:, -2:]).all()
    for name, panel in found.panels.items():
        if name != "online_electronic_rate":  # nothing of a panel is ever about the months that came later
            assert np.isnan(panel.trials[:, -2:]).all() and np.isnan(panel.successes[:, -2:]).all(), name
        assert np.array_equal(panel.trials[:, :-2], june.panels[name].trials), name
    assert np.array_equal(found.received[:, :-2], june.received)
    assert set(found.open["dossier_code"]) == set(june.open["dossier_code"])
    assert found.tasks.equals(june.tasks) and found.past_declarations.equals(june.past_declarations)
    assert found.calendar.worked[-2:].tolist() == [23.0, 21.0]


def test_a_month_that_no_file_tells_of_yet_is_unknown(district: tuple[Home, World]) -> None:
    """In the middle of September, by the files of the end of August: nothing of September is 0."""
    home, _ = district
    found, _ = inputs_at(home, "2020-09-15", "2020-09-15")
    august, _ = inputs_at(home, "2020-08-31", "2020-09-15")
    assert np.isnan(found.received[:, -1]).all() and not np.isnan(found.received[:, -2]).any()
    for name, panel in found.panels.items():
        assert np.isnan(panel.trials[:, -1]).all() and not np.isnan(panel.trials[:, -2]).any(), name
    both = found.open.merge(august.open, on="dossier_code", suffixes=("", "_before"))
    assert len(both) == len(found.open) == len(august.open)  # nobody has told that one was finished
    past = both["due_on"].map(lambda day: day < dt.date(2020, 8, 31))
    assert set((both["days_left_before"] - both["days_left"])[~past]) == {
        10.0
    }  # 3 and 4, 7 to 11, 14 and 15 September, and the 1st


def test_calendar_ends_with_the_year(district: tuple[Home, World]) -> None:
    home, _ = district
    calendar = WorkCalendar.load()
    for as_of in ("2020-02-28", "2020-02-29", "2020-12-30", "2020-12-31"):
        found, _ = inputs_at(home, as_of)
        day = dt.date.fromisoformat(as_of)
        assert (found.day, found.horizon) == (day, dt.date(2020, 12, 31))
        assert found.calendar.worked.sum() == len(calendar.working_days(dt.date(2019, 1, 1), day))
        left = len(calendar.working_days(day + dt.timedelta(1), found.horizon)) if day < found.horizon else 0
        assert found.calendar.left.sum() == left and len(found.calendar.left) == len(found.calendar.ahead)
        begins = {"2020-02-28": 2, "2020-02-29": 3, "2020-12-30": 12}.get(as_of)
        assert found.calendar.ahead.tolist() == (list(range(2020 * 12 + begins - 1, 2021 * 12)) if begins else [])
        assert found.over is (as_of == "2020-12-31")
    with home.database.begin() as tx:
        longer = inputs_of(home, tx, score_question(home, tx, question(2020, as_of=parse_moment(as_of))), dt.date(2021, 2, 26))
    assert longer.calendar.ahead.tolist() == [2021 * 12, 2021 * 12 + 1] and not longer.over
    assert longer.calendar.left.sum() == len(calendar.working_days(dt.date(2021, 1, 1), dt.date(2021, 2, 26)))


def test_officials_have_no_forecast(district: tuple[Home, World]) -> None:
    home, _ = district
    with home.database.begin() as tx, pytest.raises(UserError, match="Chỉ dự báo được cho xã"):
        inputs_of(home, tx, score_question(home, tx, question(2020, as_of=parse_moment("2020-06-30")), "one_stop_official"))


def test_kit_writes_what_changed_once(tmp_path: Path) -> None:
    """A month's file holds the new rows and the changed ones; every fact of the year is in the files together."""
    from synthetic.months import month_files

    world = world_of((2021,), 3, Settings(scale=0.05))
    names: dict[str, int] = {}
    for contract, path, moment in month_files(world, tmp_path, until=dt.date(2021, 3, 31)):
        assert path.exists() and moment.month <= 3
        names[contract] = names.get(contract, 0) + 1
    assert names["one_stop"] == names["survey"] == names["monthly_report"] == 3 and names["procedures"] == 1
