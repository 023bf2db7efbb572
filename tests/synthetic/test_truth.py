"""The truth's own overdue definitions on hand-checked dossiers."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from sources.calendar import WorkCalendar
from synthetic.truth import complains, expected_counts, overdue, service_counts
from synthetic.world import World

pytestmark = pytest.mark.slow  # a whole file of seconds: left to `make test`

START, END = dt.datetime(2023, 1, 1), dt.datetime(2023, 6, 30, 17, 0)
PROCEDURES = pd.DataFrame({"procedure_code": ["1.900001"], "max_working_days": [3]})

# code, received, due, finished, returned, status, supplements, request, withdrawn → late by qd766, provincial, ii06, opencps
# (None: not counted)
CASES = [
    ("to the second on time", "03-01 08:00", "03-03 10:00", "03-03 10:00", "03-03 10:00", "returned", 0, None, False, "0000"),
    ("a second late, same day", "03-01 08:00", "03-03 10:00", "03-03 10:00:01", "03-03 10:00:01", "returned", 0, None, False, "1011"),
    ("a day late", "03-01 08:00", "03-03 10:00", "03-04 09:00", "03-04 09:00", "returned", 0, None, False, "1111"),
    ("handed over late", "03-01 08:00", "03-03 10:00", "03-02 09:00", "03-07 09:00", "returned", 0, None, False, "0010"),
    ("handed over after the end", "06-01 08:00", "06-05 10:00", "06-02 09:00", "07-07 09:00", "returned", 0, None, False, "0000"),
    ("open, not due", "06-29 08:00", "07-03 10:00", None, None, "processing", 0, None, False, "00--"),
    ("open, due the same day", "06-29 08:00", "06-30 10:00", None, None, "processing", 0, None, False, "10--"),
    ("open, past due", "06-01 08:00", "06-05 10:00", None, None, "processing", 0, None, False, "11--"),
    ("waiting, asked in time", "06-01 08:00", "06-05 10:00", None, None, "waiting_supplement", 1, "06-02 09:00", False, "00--"),
    ("waiting, asked too late", "06-01 08:00", "06-05 10:00", None, None, "waiting_supplement", 1, "06-06 09:00", False, "10--"),
    ("asked twice", "03-01 08:00", "03-03 10:00", "03-02 10:00", "03-02 10:00", "returned", 2, "03-01 15:00", False, "1000"),
    ("withdrawn late", "03-01 08:00", "03-03 10:00", "03-09 10:00", None, "withdrawn", 0, None, True, "101-"),
    ("refused in time", "03-01 08:00", "03-03 10:00", "03-02 10:00", None, "refused", 0, None, False, "000-"),
    ("no due date, in time", "03-01 08:00", None, "03-06 23:59:59", None, "finished", 0, None, False, "00--"),
    ("no due date, late", "03-01 08:00", None, "03-07 07:00", None, "finished", 0, None, False, "10--"),
    ("finished the year before", "11-01 08:00", "11-03 10:00", "11-09 10:00", None, "finished", 0, None, False, "----"),
]  # fmt: skip


def _moment(text: str | None) -> pd.Timestamp | None:
    if text is None:
        return None
    year = 2022 if text.startswith("11") else 2023
    return pd.Timestamp(f"{year}-{text}")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rows = []
    for name, received, due, finished, returned, status, count, asked, withdrawn, _ in CASES:
        times = [_moment(text) for text in (received, due, finished, returned, asked)]
        rows.append((name, "22492", "1.900001", *times, status, count, withdrawn))
    columns = [
        "dossier_code",
        "unit_code",
        "procedure_code",
        "received_at",
        "due_at",
        "finished_at",
        "returned_at",
    ]
    columns += ["supplement_requested_at", "status", "supplement_count", "withdrawn"]
    made = pd.DataFrame(rows, columns=columns)
    times = [name for name in columns if name.endswith("_at")]
    return made.astype(dict.fromkeys(times, "datetime64[s]"))


@pytest.mark.parametrize("place, definition", list(enumerate(["qd766", "provincial_766", "ii06", "opencps"])))
def test_definitions(frame: pd.DataFrame, place: int, definition: str) -> None:
    judged = overdue(frame, PROCEDURES, definition, START, END, WorkCalendar.load())
    late = dict(zip(judged["dossier_code"], judged["late"], strict=True))
    said = {case[0]: "-" if case[0] not in late else str(int(late[case[0]])) for case in CASES}
    assert said == {case[0]: case[-1][place] for case in CASES}


def test_no_due_date_and_unknown_procedure_is_left_out(frame: pd.DataFrame) -> None:
    judged = overdue(frame, PROCEDURES.assign(procedure_code="2.0"), "qd766", START, END, WorkCalendar.load())
    assert "no due date, late" not in set(judged["dossier_code"])


def test_unknown_definition(frame: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="unknown definition"):
        overdue(frame, PROCEDURES, "x", START, END, WorkCalendar.load())


def test_counts_hold_together(two_years: World) -> None:
    counts = expected_counts(two_years)
    assert len(counts) == 13 * 2
    assert counts["received"].sum() == len(two_years.dossiers)
    now = counts[counts["year"] == 2023]
    assert now["open"].sum() == two_years.dossiers["finished_at"].isna().sum()
    assert (counts["counted_provincial_766"] == counts["resolved"] + counts["open"]).all()
    for definition in ("qd766", "provincial_766", "ii06", "opencps"):
        assert (counts[f"late_{definition}"] <= counts[f"counted_{definition}"]).all()
    assert (counts["paid"] <= counts["fee"]).all() and (counts["satisfied"] <= counts["answers"]).all()


def test_lost_facts_are_not_counted(two_years: World) -> None:
    code = str(two_years.dossiers["dossier_code"].iloc[0])
    full, less = expected_counts(two_years), expected_counts(two_years, lost=[code])
    assert full["received"].sum() - less["received"].sum() == 1


# finished, due, internal due, supplements, electronic, complained of → points for time, agency, contacts, attitude (-: not counted)
SERVED = [
    ("03-02 23:59:59", "03-03 10:00", "03-02 12:00", 0, True, False, "2022"),
    ("03-03 00:00", "03-03 10:00", "03-03 00:00", 1, False, False, "1111"),
    ("03-03 10:00", "03-03 10:00", "03-04 10:00", 2, None, True, "1200"),
    ("03-03 10:00:01", "03-03 10:00", None, 0, True, True, "0-20"),
    ("03-02 10:00", "03-03 10:00", None, 0, True, True, "2-20"),
    ("03-02 10:00", None, None, 0, True, False, "--2-"),
    (None, "03-03 10:00", "03-02 10:00", 3, True, False, "--0-"),
]  # fmt: skip


def test_points_of_the_one_stop_evaluation() -> None:
    frame = pd.DataFrame(
        {
            "dossier_code": [f"D{n}" for n in range(len(SERVED))], "unit_code": "22492", "received_at": _moment("03-01 08:00"),
            "finished_at": [_moment(case[0]) for case in SERVED], "due_at": [_moment(case[1]) for case in SERVED],
            "internal_due_at": [_moment(case[2]) for case in SERVED], "supplement_count": [case[3] for case in SERVED],
            "result_electronic": pd.array([case[4] for case in SERVED], "boolean"), "channel": "online",
            "components_digitised": pd.array([True] * 7, "boolean"), "reused_data": pd.array([True, False, None] * 2 + [True], "boolean"),
        }
    ).astype(dict.fromkeys(("received_at", "finished_at", "due_at", "internal_due_at"), "datetime64[s]"))  # fmt: skip
    forms = pd.DataFrame(
        {
            "answered_on": _moment("03-05 00:00"), "dossier_code": [f"D{n}" for n, case in enumerate(SERVED) if case[5]] + ["D0"],
            "officials": [2, None, 1, 3], "overall": [5, 1, None, 1], "named_official": [None, "Công chức A", None, "Công chức A"],
        }
    )  # fmt: skip
    assert complains(forms).tolist() == [True, True, True, False]
    counts = service_counts(frame, forms, START, END).loc["22492"]
    for place, name in enumerate(("time", "agency", "contact", "attitude")):
        given = [case[-1][place] for case in SERVED if case[-1][place] != "-"]
        assert counts[f"{name}_points"] == sum(map(int, given)), name
        if name != "attitude":
            assert counts[f"{name}_points_max"] == 2 * len(given), name
    assert counts["electronic"] == 4 and counts["online_electronic"] == 4 and counts["reused"] == 3
