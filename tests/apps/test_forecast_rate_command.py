"""`cchc forecast-rate`: the document, the table for people, and what it says about a table it cannot use. No database."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.cli import run

QUANTILES = ["p025", "p05", "p10", "p25", "p50", "p75", "p90", "p95", "p975"]
Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run the command in this process on a home that must stay untouched; returns status, stdout, stderr."""
    home = tmp_path / "home"
    monkeypatch.setenv("CCHC_HOME", str(home))

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cchc", "forecast-rate", *map(str, words)])
        status = run()
        assert not home.exists()
        out, err = capsys.readouterr()
        return status, out, err

    return call


def rows(months: int = 36, units: tuple[str, ...] = ("Xã An", "Xã Bình", "Xã Châu")) -> list[tuple[str, str, str, str]]:
    luck = np.random.default_rng(4)
    out = []
    for month in range(months):
        for n, unit in enumerate(units):
            trials = int(luck.poisson(50 * 4**n))
            out.append(
                (unit, f"{2020 + month // 12}-{month % 12 + 1:02d}", str(luck.binomial(trials, 0.6 + 0.1 * n)), str(trials))
            )
    return out


def write(
    path: Path, lines: list[tuple[str, ...]], delimiter: str = ",", head: str = "unit,period,successes,trials", bom: str = ""
) -> Path:
    text = [head.replace(",", delimiter), *(delimiter.join(line) for line in lines)]
    path.write_text(bom + "\n".join(text) + "\n", encoding="utf-8")
    return path


def document(ask: Ask, path: Path, *words: object) -> Any:
    status, out, err = ask(path, "--as-of", "2022-06", "--horizon", "2022-12", "--draws", 500, "--json", *words)
    assert status == 0 and not err and out.count("\n") == 1
    return json.loads(out)


def test_the_document(ask: Ask, tmp_path: Path) -> None:
    answer = document(ask, write(tmp_path / "a.csv", rows()), "--target", "0.7", "--seed", 5)
    assert (answer["as_of"], answer["horizon"], answer["seed"], answer["draws"]) == ("2022-06", "2022-12", 5, 500)
    assert [unit["unit"] for unit in answer["units"]] == ["Xã An", "Xã Bình", "Xã Châu"]
    for unit in answer["units"]:
        assert list(unit["rate"]) == ["mean", *QUANTILES]
        assert (np.diff([unit["rate"][name] for name in QUANTILES]) >= 0).all()
        assert 0 <= unit["p_meets_target"] <= 1 and sum(unit["rank_probability"]) == pytest.approx(1)
        assert (
            unit["observed"]["months"] == 6
            and unit["trials_to_come"] > 0
            and unit["status"] == "forecast"
            and unit["reason"] is None
        )
    ranks = np.array([unit["rank_probability"] for unit in answer["units"]])
    assert np.allclose(ranks.sum(axis=0), 1) and ranks[2, 0] > 0.9 and ranks[0, 2] > 0.9
    assert document(ask, write(tmp_path / "a.csv", rows()))["units"][0]["p_meets_target"] is None


def test_same_seed_same_bytes_and_rows_after_as_of_are_ignored(ask: Ask, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", rows())
    one = document(ask, path, "--seed", 5)
    assert document(ask, path, "--seed", 5) == one and document(ask, path, "--seed", 6) != one
    later = [("Xã An", "2022-07", "9", "1"), ("Xã Mới", "2022-08", "x", "5")]
    cut = [line for line in rows() if line[1] <= "2022-06"]
    assert document(ask, write(tmp_path / "b.csv", cut + later), "--seed", 5) == one


@pytest.mark.parametrize(("delimiter", "bom"), [(";", "\ufeff"), ("\t", ""), (",", "\ufeff")])
def test_layouts_of_a_file(ask: Ask, tmp_path: Path, delimiter: str, bom: str) -> None:
    plain = document(ask, write(tmp_path / "a.csv", rows()))
    odd = [(n, unit, f"{period}-01", f"{good}.0", f" {all_} ") for n, (unit, period, good, all_) in enumerate(rows())]
    lines = [(str(n), unit, all_, good, period) for n, unit, period, good, all_ in odd]
    path = write(tmp_path / "b.csv", lines, delimiter, "id,UNIT,trials, Successes ,Period", bom)
    assert document(ask, path) == plain
    joined = [(unit, period.replace("-", ""), good, all_) for unit, period, good, all_ in rows()]
    assert document(ask, write(tmp_path / "c.csv", joined)) == plain


def test_the_end_of_the_window_gives_the_counted_rate(ask: Ask, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", rows())
    status, out, _ = ask(path, "--as-of", "2022-12", "--horizon", "2022-12", "--json")
    for unit in json.loads(out)["units"]:
        mine = [line for line in rows() if line[0] == unit["unit"] and line[1] >= "2022-01"]
        exact = sum(int(line[2]) for line in mine) / sum(int(line[3]) for line in mine)
        assert set(unit["rate"].values()) == {exact} and unit["status"] == "observed" and max(unit["rank_probability"]) == 1
    assert status == 0


def test_lower_is_better_turns_the_target_round_and_nothing_else(ask: Ask, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", rows())
    up, down = document(ask, path, "--target", 0.61), document(ask, path, "--target", 0.61, "--lower-is-better")
    for one, other in zip(up["units"], down["units"]):
        assert one.pop("p_meets_target") + other.pop("p_meets_target") == pytest.approx(1, abs=0.02)
        assert one == other


def test_a_closed_unit_says_so_in_vietnamese(ask: Ask, tmp_path: Path) -> None:
    lines = [line for line in rows() if line[0] != "Xã An" or line[1] < "2021-06"]
    path = write(tmp_path / "a.csv", lines)
    first = document(ask, path)["units"][0]
    assert first["status"] == "closed_unseen" and "đã ngừng" in first["reason"] and first["rank_probability"][2] == 1
    status, out, _ = ask(path, "--as-of", "2022-06", "--horizon", "2022-12", "--target", 0.7)
    assert status == 0 and "Khoảng 80" in out and "≥ 70\u00a0%" in out and "đã ngừng" in out and "Xã Châu" in out


GOOD = ("A", "2022-01", "1", "2")


@pytest.mark.parametrize(
    ("lines", "head", "said"),
    [
        ([GOOD], "unit,period,good,trials", ["dòng 1", "thiếu cột successes", "«good»"]),
        ([], "unit,period,successes,trials", ["không có dòng số liệu"]),
        ([GOOD, ("A", "2022-02", "3", "2")], None, ["Dòng 3", "successes", "lớn hơn trials"]),
        ([GOOD, ("A", "2022-02", "-1", "2")], None, ["Dòng 3", "successes", "«-1»"]),
        ([GOOD, ("A", "2022-02", "1", "hai")], None, ["Dòng 3", "cột trials", "«hai»"]),
        ([GOOD, ("A", "2022-02", "1", "2.5")], None, ["Dòng 3", "cột trials", "«2.5»"]),
        ([GOOD, ("A", "2022-02", "1", "1e99")], None, ["Dòng 3", "cột trials", "«1e99»"]),
        ([GOOD, ("A", "2022-02", "9" * 400, "2")], None, ["Dòng 3", "cột successes"]),
        ([GOOD, ("A", "2022-02", "", "2")], None, ["Dòng 3", "cột successes", "để trống"]),
        ([GOOD, GOOD], None, ["Dòng 3", "«A»", "2022-01", "dòng 2"]),
        ([GOOD, ("A", "2022-13", "1", "2")], None, ["Dòng 3", "cột period", "«2022-13»"]),
        ([GOOD, ("", "2022-02", "1", "2")], None, ["Dòng 3", "cột unit"]),
        ([GOOD, ("A", "2022-02")], None, ["Dòng 3", "2 ô"]),
        ([("A", "2023-01", "1", "2")], None, ["2022-06", "2023-01", "--as-of"]),
    ],
)
def test_a_table_that_cannot_be_used(
    ask: Ask, tmp_path: Path, lines: list[tuple[str, ...]], head: str | None, said: list[str]
) -> None:
    path = write(tmp_path / "a.csv", lines, head=head or "unit,period,successes,trials")
    status, out, err = ask(path, "--as-of", "2022-06", "--horizon", "2022-12")
    assert status == 2 and not out and all(word in err for word in said), err
    status, out, _ = ask(path, "--as-of", "2022-06", "--horizon", "2022-12", "--json")
    assert status == 2 and json.loads(out)["error"]["code"] in ("bad_table", "bad_as_of")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--as-of", "June", "--horizon", "2022-12"], "--as-of «June»"),
        (["--as-of", "2022-06", "--horizon", "12/2022"], "--horizon «12/2022»"),
        (["--as-of", "2022-06", "--horizon", "2024-07"], "2024-06"),
        (["--as-of", "2022-06", "--horizon", "2010-12"], "--horizon 2010-12 trước tháng đầu tiên"),
        (["--as-of", "2022-06", "--horizon", "2022-12", "--target", "95"], "0.95"),
        (["--as-of", "2022-06", "--horizon", "2022-12", "--draws", "3"], "--draws"),
    ],
)
def test_a_question_that_cannot_be_answered(ask: Ask, tmp_path: Path, words: list[str], said: str) -> None:
    status, _, err = ask(write(tmp_path / "a.csv", rows()), *words)
    assert status == 2 and said in err


def test_a_file_that_is_not_there_or_no_text(ask: Ask, tmp_path: Path) -> None:
    status, _, err = ask(tmp_path / "none.csv", "--as-of", "2022-06", "--horizon", "2022-12")
    assert status == 2 and "none.csv" in err
    (tmp_path / "x.csv").write_bytes(b"unit,period,successes,trials\n\xff\xfe\x00,1,2,3\n")
    status, _, err = ask(tmp_path / "x.csv", "--as-of", "2022-06", "--horizon", "2022-12")
    assert status == 2 and "UTF-8" in err
    (tmp_path / "y.csv").write_bytes(b"")
    assert ask(tmp_path / "y.csv", "--as-of", "2022-06", "--horizon", "2022-12")[0] == 2
    assert ask(tmp_path, "--as-of", "2022-06", "--horizon", "2022-12")[0] == 2
