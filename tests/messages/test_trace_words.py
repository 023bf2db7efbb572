"""The words of a trace: every family, every branch, figures that a reader's calculator confirms."""

from __future__ import annotations

import re
from typing import Any

import pytest

from messages.trace import headline, index_sentences, section_headline, sentences
from scoring.engine import score
from scoring.trace import trace
from tests.scoring.frames import A, everything, law, one


@pytest.mark.parametrize("seed", range(20))
def test_every_leaf_can_be_said(seed: int) -> None:
    measured, declared = everything([A], seed)
    tree = trace(score(measured, declared, law(), [A]), law(), A, "qd766@1")
    said = index_sentences(tree)
    for section in tree["children"]:
        said.append(section_headline(section))
        for leaf in section["children"]:
            said += [headline(leaf), *sentences(leaf)]
    text = "\n".join(said)
    assert "None" not in text and "nan" not in text.split() and "{" not in text
    assert all(line.strip() and "  " not in line for line in said)


def _leaf(code: str, *rows: tuple[Any, ...]) -> dict[str, Any]:
    tree = trace(one(rows), law(), A, "qd766@1")
    return next(leaf for section in tree["children"] for leaf in section["children"] if leaf["code"] == code)


def test_the_working_can_be_followed_with_a_calculator() -> None:
    said = sentences(_leaf("III.3", (A, "overdue_rate", 12, 873)))
    working = next(line for line in said if line.startswith("Kết quả"))
    assert "8 × (5\u00a0% − 12/873) / (5\u00a0% − 1\u00a0%) = 7,250859, làm tròn 7,25 điểm" in working
    assert any("định nghĩa trễ hạn qd766@1" in line for line in said)
    numbers = [float(x.replace(",", ".")) for x in re.findall(r"\d+(?:,\d+)?", working.split("=")[0])]
    top, high, bad, of, high2, low = numbers
    assert round(top * (high / 100 - bad / of) / (high2 / 100 - low / 100), 6) == 7.250859


def test_an_assumed_target_is_said_aloud() -> None:
    said = sentences(_leaf("VII.1", (A, "online_rate", 10, 100)))
    assert any("CHƯA RÕ" in line and "giả định" in line for line in said)


def test_missing_is_said_as_missing_and_never_as_zero() -> None:
    leaf = _leaf("VIII.1")
    text = " ".join([headline(leaf), *sentences(leaf)])
    assert "chưa có số liệu" in text and "0,00" not in text and "không tính vào điểm tối đa" in text


def test_a_compound_loss_names_the_conditions_that_fail() -> None:
    from datetime import date

    import pandas as pd

    from criteria import load_set
    from messages import reason_text, recover_text
    from tests.scoring.frames import measures

    rules = load_set("one_stop_commune").at(date(2023, 12, 31))
    declared = pd.DataFrame([[A, "MC.9", 0.25, None, "appraised", None]], columns=["commune", "criterion_code", "value", "points", "state", "evidence"])  # fmt: skip
    scores = score(measures([(A, "online_rate", 20, 100), (A, "overdue_rate", 3, 100)]), declared, rules, [A])
    line = scores.criteria[scores.criteria["code"] == "MC.9"].iloc[0]
    text = reason_text(line["reason"], line["reason_params"])
    assert "tỷ lệ hồ sơ trực tuyến 20\u00a0% (cần từ 30\u00a0%)" in text
    assert "tỷ lệ hồ sơ trễ hạn 3\u00a0% (cần đúng bằng 0\u00a0%)" in text
    assert "thủ tục" not in text, "the condition that holds is not blamed"
    assert recover_text(line["reason"], line["reason_params"]).startswith("Cần đồng thời: ")
    leaf = next(n for s in trace(scores, rules, A, "qd766@1")["children"] for n in s["children"] if n["code"] == "MC.9")
    said = " ".join(sentences(leaf)).replace("\u00a0", " ")
    assert "Kê khai 25 %; định nghĩa trễ hạn qd766@1." in said
    assert "Cách tính: tỷ lệ thủ tục cung cấp trực tuyến từ 20 % và" in said and "share" not in said
