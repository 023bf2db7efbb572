"""What moved an index between two publications: every part named, and the parts add up to the change exactly."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from click.testing import CliRunner

from flows.steps import run_compare
from flows.steps.home import UserError
from flows.steps.run_compare import compare
from tests.flows.run_kit import OWN, PROCEDURES, UNITS, Town, calendar_without, dossier
from tests.flows.run_kit import town as town

pytestmark = [pytest.mark.db, pytest.mark.slow]


def first_files(town: Town) -> None:
    town.at("2023-02-28T08:00:00")
    town.load("thu-tuc", PROCEDURES, "2023-02-01T08:00:00", "procedures")
    rows = [dossier(n, 10 if n > 2 else 17, unit) for unit in UNITS for n in range(1, 41)]
    town.load("t2", rows, "2023-02-20T07:00:00")


def units(value: float) -> int:
    return round(value * 100)


def adds_up(document: dict[str, Any]) -> None:
    """Every change is the sum of its parts, down each row and across the criteria, in hundredths."""
    for commune in document["communes"]:
        for change in (commune["total"], commune["index"], *commune["criteria"]):
            if change["delta"] is None:
                continue
            assert units(change["to"] or 0) - units(change["from"] or 0) == units(change["delta"])
            assert sum(map(units, change["parts"].values())) == units(change["delta"])
        for name, part in (commune["total"]["parts"] or {}).items():
            assert sum(units(line["parts"][name]) for line in commune["criteria"]) == units(part)


def of(document: dict[str, Any], commune: str = "22492") -> dict[str, Any]:
    (found,) = [row for row in document["communes"] if row["commune"] == commune]
    return found


def test_only_facts_moved(town: Town) -> None:
    first_files(town)
    a = town.publish("2023-02-28")
    town.at("2023-03-05T08:00:00")
    corrected = [dossier(n, 11) for n in (1, 2)] + [dossier(90, 12)]
    town.load("t2-sua", corrected, "2023-03-05T07:00:00")
    b = town.publish("2023-02-28")
    document = compare(town.home, a, b)
    adds_up(document)
    assert document["columns"] == ["facts", "code"] and document["not_separable"] == []
    commune = of(document)
    assert commune["total"]["delta"] > 0 and commune["total"]["parts"]["facts"] == commune["total"]["delta"]
    assert commune["dossiers"] == {"new": 1, "changed": 2} and document["files_only_in_b"] == ["t2-sua.csv"]
    late = next(line for line in commune["criteria"] if line["numerator"]["from"] == 2)
    assert (late["numerator"], late["denominator"]) == ({"from": 2, "to": 0}, {"from": 40, "to": 41})
    back = of(compare(town.home, b, a))
    assert back["total"]["delta"] == -commune["total"]["delta"] and back["total"]["parts"]["facts"] == -commune["total"]["delta"]


def test_each_factor_alone_is_named(town: Town) -> None:
    first_files(town)
    town.load("khong-han", [dossier(200 + n, 14, due_at="") for n in range(12)], "2023-02-20T08:00:00")
    folder = town.own_set()
    a = town.publish("2023-02-28", OWN)
    definition = town.publish("2023-02-28", OWN, "opencps")
    time = town.publish("2023-02-09", OWN)
    with calendar_without(town.home, date(2023, 2, 9), date(2023, 2, 10)):
        calendar = town.publish("2023-02-28", OWN)
    text = (folder / "section_3.yaml").read_text(encoding="utf-8")
    (folder / "section_3.yaml").write_text(text.replace("max_points: 8", "max_points: 7", 1), encoding="utf-8")
    law = town.publish("2023-02-28", OWN)
    for run, name in ((definition, "definition"), (time, "time"), (calendar, "calendar"), (law, "criteria")):
        document = compare(town.home, a, run)
        adds_up(document)
        assert document["columns"] == [name, "code"], name
        assert [row["factor"] for row in document["factors"] if row["changed"]] == [name]
        total = of(document)["total"]
        assert total["delta"] and total["parts"] == {name: total["delta"], "code": 0}


def test_several_factors_at_once_add_up(town: Town) -> None:
    first_files(town)
    town.load("khong-han", [dossier(200 + n, 14, due_at="") for n in range(12)], "2023-02-20T08:00:00")
    town.load("den-han-sau", [dossier(300 + n, 22, due_at="20/02/2023 17:00:00") for n in range(9)], "2023-02-23T08:00:00")
    folder = town.own_set()
    a = town.publish("2023-02-15", OWN)
    town.at("2023-03-05T08:00:00")
    town.load("t2-sua", [dossier(n, 11 + n % 9, unit) for unit in UNITS for n in range(1, 12)], "2023-03-05T07:00:00")
    text = (folder / "section_3.yaml").read_text(encoding="utf-8")
    (folder / "section_3.yaml").write_text(text.replace("max_points: 8", "max_points: 7", 1), encoding="utf-8")
    with calendar_without(town.home, date(2023, 2, 10)):
        b = town.publish("2023-02-28", OWN, "provincial_766")
    document = compare(town.home, a, b)
    adds_up(document)
    assert document["columns"] == ["facts", "time", "definition", "criteria", "calendar", "code"]
    commune = of(document)
    assert sum(1 for part in commune["total"]["parts"].values() if part) == 5
    assert commune["total"]["parts"]["code"] == 0
    assert not compare(town.home, b, b)["communes"][0]["criteria"]


def test_what_today_counts_otherwise_is_the_programs_share(town: Town) -> None:
    """A stored figure that the program of today does not give is the program's part, to the hundredth."""
    first_files(town)
    town.own_set()
    a, b = town.publish("2023-02-15", OWN), town.publish("2023-02-28", OWN)
    with town.home.database.begin() as tx:
        communes = tx.scalar("select result -> 'communes' from score_runs where run_id = %(b)s", {"b": b})
    place, commune = next((n, row) for n, row in enumerate(communes) if row["commune"] == "22492")
    number, line = next((n, line) for n, line in enumerate(commune["criteria"]) if line["points"])
    forged = {
        f"{{communes,{place},criteria,{number},points}}": line["points"] - 0.25,
        f"{{communes,{place},total}}": round(commune["total"] - 0.25, 2),
    }
    for path, value in forged.items():
        town.query(f"update score_runs set result = jsonb_set(result, '{path}', '{value}') where run_id = {b}")
    document = compare(town.home, a, b)
    adds_up(document)
    assert of(document)["total"]["parts"]["code"] == -0.25


def test_what_cannot_be_told_apart_is_said(town: Town) -> None:
    """The later set has no target for the earlier day: law and time share one column, and the sum still holds."""
    first_files(town)
    folder = town.own_set()
    a = town.publish("2023-02-15", OWN)
    targets = folder / "targets.yaml"
    text = targets.read_text(encoding="utf-8")
    assert "in_force_from: 2019-01-01" in text
    targets.write_text(text.replace("in_force_from: 2019-01-01", "in_force_from: 2023-02-20"), encoding="utf-8")
    b = town.publish("2023-02-28", OWN)
    document = compare(town.home, a, b)
    adds_up(document)
    assert document["columns"] == ["time+criteria", "code"]
    assert document["not_separable"][0]["factors"] == ["criteria", "time"] and document["not_separable"][0]["why"]


def test_the_command_line(town: Town) -> None:
    from apps.cli import cli

    def call(*words: Any) -> Any:
        return CliRunner().invoke(cli, ["score", *map(str, words)], standalone_mode=False, catch_exceptions=False)

    first_files(town)
    a = town.publish("2023-02-15")
    b = town.publish("2023-02-28")
    listed = json.loads(call("runs", "--json").output)["runs"]
    assert [row["run"] for row in listed] == [a, b] and listed[0]["origin"] == "nightly"
    assert json.loads(call("runs", "--year", 2022, "--json").output) == {"runs": []}
    stored = json.loads(call("show", a, "--json").output)
    assert stored["run"]["digest"] == listed[0]["digest"] and len(stored["communes"]) > 3
    assert json.loads(call("rebuild", a, "--json").output)["status"] == "identical"
    assert json.loads(call("verify", "--json").output)["bad"] == []
    adds_up(json.loads(call("compare", a, b, "--json").output))
    one = json.loads(call("compare", a, b, "--commune", "22492", "--json").output)
    assert [row["commune"] for row in one["communes"]] == ["22492"]
    assert json.loads(call("compare", a, b, "--commune", "xã đại lãnh", "--json").output) == one
    for words in (
        ("runs",),
        ("show", a),
        ("rebuild", a),
        ("verify",),
        ("compare", a, b),
        ("compare", a, b, "--commune", "22492"),
    ):
        told = call(*words)
        assert told.return_value == 0 and "kết quả" in told.output.casefold(), words
    assert "trùng khớp từng chữ số" in call("verify").output
    town.query(f"update score_runs set result = jsonb_set(result, '{{communes,0,total}}', '99.99') where run_id = {a}")
    assert (call("verify").return_value, call("rebuild", a).return_value, call("rebuild", b).return_value) == (3, 3, 0)
    assert "ĐÃ BỊ SỬA" in call("verify").output
    for words, code in ((("show", 999), "unknown_run"), (("compare", a, b, "--commune", "Không Có"), "unknown_commune")):
        with pytest.raises(UserError) as error:
            call(*words)
        assert error.value.code == code


def test_a_criterion_that_only_a_combination_scores_cancels_out() -> None:
    """Neither run scores X.2, but the facts of B at the time of A do: its parts are shown, or the columns would not add up."""
    line = {"label": "", "status": "no_data", "numerator": None, "denominator": None, "value": None, "max_points": 1.0}
    row = {
        "commune": "22492", "name": "Đại Lãnh", "unit_id": "22492", "rank": 1, "grade": None, "total": 3.0, "share_pct": 60.0,
        "criteria": [line | {"code": "X.1", "points": 3.0}, line | {"code": "X.2", "points": None}],
    }  # fmt: skip
    plain = {"X.1": 300, "X.2": 0, run_compare.LIMIT: 0, run_compare._INDEX: 6000}
    both = frozenset({"facts", "time"})
    values = {chosen: run_compare._Figures({"22492": plain}) for chosen in (frozenset(), frozenset({"time"}), both)}
    values[frozenset({"facts"})] = run_compare._Figures({"22492": plain | {"X.2": 150}})
    found = run_compare._commune("22492", row, row, run_compare._Evaluated(["facts", "time"], values, []), 2)
    (moved,) = found["criteria"]
    assert (moved["code"], moved["from"], moved["to"], moved["delta"]) == ("X.2", None, None, 0)
    assert moved["parts"] == {"facts": 0.75, "time": -0.75, "code": 0}
    adds_up({"communes": [found]})


def test_the_day_of_the_boundaries_is_said() -> None:
    """The register may be the same: then only the day tells the two sides apart."""
    assert run_compare._borders({"units": "ab", "question": {"units_on": None}}) == "ab"
    assert run_compare._borders({"units": "ab", "question": {"units_on": "2025-07-01"}}) == "ab (01/07/2025)"
