"""R16: overrides. No self-approval, reason, text and evidence required, both scores shown, revert restores the bytes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.steps import appraisal, audit, scenario, scenario_changes, scenario_compare, scenario_state
from flows.steps.home import UserError
from tests.flows import scenario_kit
from warehouse.audit import HEADS

if TYPE_CHECKING:
    from flows.steps.home import Home

pytestmark = pytest.mark.db
A, B, C = "Công chức A", "Công chức B", "Người Duyệt C"
OVER: dict[str, Any] = {
    "commune": "22492", "criterion": "III.3", "points": "6.5", "reason_code": "data_error", "text": "Phần mềm ghi nhầm hai hồ sơ",
    "evidence": "Công văn 12 của đơn vị quản lý",
}  # fmt: skip


@pytest.fixture
def home(clean: Home, tmp_path: Path) -> Iterator[Home]:
    """A published district (run 1) and a scenario T of Công chức A."""
    heads = clean.root / HEADS
    heads.unlink(missing_ok=True)
    assert scenario_kit.publish(clean, tmp_path) == 1
    scenario.new(clean, "T", 1, A)
    yield clean
    heads.unlink(missing_ok=True)


def refused(code: str, call: Any, *words: Any, **options: Any) -> str:
    """Return the sentence of a refusal; it ends like one."""
    with pytest.raises(UserError) as caught:
        call(*words, **options)
    assert caught.value.code == code, str(caught.value)
    assert str(caught.value).endswith((".", "…")) and unicodedata.is_normalized("NFC", str(caught.value))
    return str(caught.value)


SPELLINGS = (
    A, "công chức a", "CÔNG CHỨC A", "  Công   chức A ", unicodedata.normalize("NFD", A), "Cong chuc A", "Cong\u200b chức A",
    "Công\u00a0chức\tA", "Công-chức_A.", "Ｃông chức Ａ",
)  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_r16_nobody_approves_his_own(home: Home, spelling: str) -> None:
    scenario_state.submit(home, "T", B)
    text = refused("self_approval", scenario_state.approve, home, "T", spelling)
    assert A in text and "người khác" in text
    assert scenario.listing(home)["scenarios"][0]["state"] == "submitted"


def test_r16_look_alike_letters_are_no_second_person(home: Home) -> None:
    scenario_state.submit(home, "T", A)
    refused("bad_name", scenario_state.approve, home, "T", "Công chức \u0410")  # a Cyrillic А
    refused("bad_name", scenario_state.approve, home, "T", " . ")


def test_r16_neither_do_those_who_edited_or_handed_in(home: Home) -> None:
    appraisal.override(home, "T", by=B, **OVER)
    appraisal.withdraw(home, "T", commune="22492", criterion="III.3", by="Công chức D")
    scenario_state.submit(home, "T", "Công chức E")
    for who in (A, B, "Công chức D", "công chức e"):
        refused("self_approval", scenario_state.approve, home, "T", who)
    document = scenario_state.approve(home, "T", C)
    assert document["scenario"]["approved_by"] == C
    assert any("cùng dùng tài khoản máy" in text for text in document["says"])


def test_r16_who_acts_without_by(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCHC_USER", "CONG CHUC A")
    scenario_state.submit(home, "T")
    refused("self_approval", scenario_state.approve, home, "T")
    monkeypatch.delenv("CCHC_USER")
    scenario_state.approve(home, "T")  # the operating system's user, who has done nothing yet
    entry = audit.listing(home)["entries"][-1]
    assert entry["actor"] == entry["os_user"] == audit.who().os_user


@pytest.mark.parametrize("missing", ["text", "evidence"])
@pytest.mark.parametrize("given", [None, "", "   ", " . ", "\u200b"])
def test_r16_text_and_evidence_are_required(home: Home, missing: str, given: str | None) -> None:
    refused("missing_text", appraisal.override, home, "T", by=A, **{**OVER, missing: given})
    assert scenario.listing(home)["scenarios"][0]["version"] == 1


@pytest.mark.parametrize(
    ("field", "given", "code"),
    [
        ("reason_code", None, "bad_reason"), ("reason_code", "vì thích", "bad_reason"), ("points", "8.01", "bad_points"),
        ("points", "-1", "bad_points"), ("points", "1.234", "bad_points"), ("points", "nhiều", "bad_number"),
        ("points", "nan", "bad_number"), ("points", "9" * 400, "bad_number"), ("points", "50%", "bad_number"), ("commune", "99999", "unknown_commune"), ("criterion", "X.9", "bad_override"),
        ("expires", "mai", "bad_time"),
    ],
)  # fmt: skip
def test_r16_every_mistake_has_its_sentence(home: Home, field: str, given: str | None, code: str) -> None:
    refused(code, appraisal.override, home, "T", by=A, **{**OVER, field: given})
    assert scenario.listing(home)["scenarios"][0]["version"] == 1
    assert [entry["action"] for entry in audit.listing(home)["entries"]] == ["score.publish", "scenario.new"]


def test_r16_a_mistyped_criterion_is_named_with_those_there_are(home: Home) -> None:
    text = refused("bad_override", appraisal.override, home, "T", by=A, **{**OVER, "criterion": "iii.3"})
    assert "«iii.3»" in text and "III.3" in text
    said = {"commune": "22492", "criterion": "X.9", "text": "đã làm", "evidence": "BC 1", "by": B}
    assert "«X.9»" in refused("bad_explanation", appraisal.explanation, home, "T", **said)
    assert scenario.listing(home)["scenarios"][0]["version"] == 1


def test_r16_who_handed_it_in_once_does_not_approve_it_later(home: Home) -> None:
    scenario_state.submit(home, "T", B)
    scenario_state.send_back(home, "T", "thiếu minh chứng", C)
    scenario_state.submit(home, "T", A)
    refused("self_approval", scenario_state.approve, home, "T", "cong chuc b")
    assert scenario_state.approve(home, "T", C)["scenario"]["approved_by"] == C


def test_r16_what_was_looked_at_is_what_is_approved(home: Home) -> None:
    """The author takes it back, changes it and hands it in again while the approver reads the first version."""
    scenario_state.submit(home, "T", A)
    scenario_state.send_back(home, "T", "sửa lại", A)
    appraisal.override(home, "T", by=A, **OVER)
    scenario_state.submit(home, "T", A)
    assert "phiên bản 2" in refused("overtaken", scenario_state.approve, home, "T", C, 1)
    assert scenario_state.approve(home, "T", C, 2)["scenario"]["state"] == "approved"


def test_r16_an_empty_name_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCHC_USER", A)
    refused("bad_name", audit.who, "")
    assert audit.who().name == A


def test_r16_an_override_that_holds_no_more_says_so(home: Home) -> None:
    (says,) = appraisal.override(home, "T", by=A, **{**OVER, "expires": "2020-01-01"})["says"]
    assert "hết hiệu lực" in says
    (says,) = appraisal.override(home, "T", by=A, **{**OVER, "expires": "2023-12-31"})["says"]
    assert "hết hiệu lực" not in says


def test_r16_the_review_is_one_document_whatever_is_missing(home: Home) -> None:
    """A declaration without evidence says so as null; a deduction that is overridden is a deduction everywhere."""
    import json

    appraisal.override(home, "T", by=A, **{**OVER, "criterion": "IX.2", "points": "0,5"})
    document = appraisal.review(home, "T", "22492")
    json.dumps(document, allow_nan=False)
    assert line(document, "I.6")["declared"]["evidence"] is None and line(document, "I.5")["declared"]["evidence"] == "BC-I.5"
    assert line(document, "IX.2")["appraised"]["points"] == -0.5
    (shown,) = scenario_compare.show(home, "T")["overrides"]
    assert shown["appraised_points"] == -0.5


def test_r16_a_commune_is_found_by_its_full_name_too(home: Home) -> None:
    for name in ("Đại Lãnh", "Xã Đại Lãnh", unicodedata.normalize("NFD", "xã  đại lãnh")):
        assert scenario_compare.compare(home, "T", commune=name)["commune"]["commune"] == "22492"


def line(document: dict[str, Any], code: str) -> dict[str, Any]:
    (found,) = [row for row in document["criteria"] if row["code"] == code]
    return found


def test_r16_both_scores_are_shown(home: Home) -> None:
    appraisal.override(home, "T", by=B, **OVER)
    appraisal.explanation(
        home, "T", commune="Đại Lãnh", criterion="III.3", text="Ba hồ sơ do mất điện", evidence="Biên bản 3", by="Xã Đại Lãnh"
    )
    (shown,) = scenario_compare.show(home, "T")["overrides"]
    assert (shown["computed_points"], shown["appraised_points"], shown["by"]) == (4.0, 6.5, B)
    assert shown["reason"] and shown["text"] == OVER["text"] and shown["evidence"] == OVER["evidence"]

    review = appraisal.review(home, "T", "22492")
    row = line(review, "III.3")
    assert (row["computed"]["points"], row["appraised"]["points"], row["published_points"]) == (4.0, 6.5, 4.0)
    assert row["override"]["active"] and [said["text"] for said in row["explanations"]] == ["Ba hồ sơ do mất điện"]
    assert round(review["appraised"]["total"] - review["computed"]["total"], 2) == 2.5
    other = line(review, "III.1")
    assert other["declared"] == {"value": 0.9, "points": None, "state": "evidenced", "evidence": "BC-III.1"}
    assert other["computed"]["points"] == other["appraised"]["points"] == 2.7 and other["override"] is None
    for row in review["criteria"]:
        assert {"declared", "computed", "appraised"} <= row.keys()

    compared = scenario_compare.compare(home, "T")
    assert compared["overrides"][0]["computed_points"] == 4.0


@pytest.mark.parametrize(("expires", "points"), [("2023-12-30", 4.0), ("2023-12-31", 6.5), (None, 6.5)])
def test_r16_an_expired_override_no_longer_counts(home: Home, expires: str | None, points: float) -> None:
    appraisal.override(home, "T", by=A, **OVER, expires=expires)
    row = line(appraisal.review(home, "T", "22492"), "III.3")
    assert row["appraised"]["points"] == points and row["override"]["active"] is (points == 6.5)


def test_r16_revert_restores_the_bytes(home: Home) -> None:
    appraisal.override(home, "T", by=A, **OVER)
    scenario_changes.set_changes(home, "T", ["weight:III.3=9,5", "exclude:22495=đang thanh tra"], keep_total="*", by=B)
    texts = [scenario_state.content_of(home, "T", version)["text"] for version in (1, 2, 3)]
    assert len(set(texts)) == 3

    assert scenario_state.revert(home, "T", by=A)["scenario"]["version"] == 4
    assert scenario_state.content_of(home, "T")["text"].encode() == texts[1].encode()
    for version, text in enumerate(texts, start=1):
        back = scenario_state.revert(home, "T", version, by=A)["scenario"]
        now = scenario_state.content_of(home, "T")
        assert now["text"].encode() == text.encode() and back["sha256"] == now["sha256"] == scenario.text_digest(text)
    assert line(appraisal.review(home, "T", "22492"), "III.3")["appraised"]["points"] == 6.5
    refused("unknown_version", scenario_state.revert, home, "T", 99, A)
    assert [version["sha256"] for version in scenario.history(home, "T")["versions"]][:3] == [
        scenario.text_digest(t) for t in texts
    ]


def test_r16_the_application_cannot_change_a_version(home: Home) -> None:
    import psycopg2

    from warehouse import engine

    connection = engine.raw_connection(home.root, role="app", autocommit=True)
    try:
        for verb in ("update scenario_versions set content = '{}'", "delete from scenario_versions", "delete from scenarios"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                connection.cursor().execute(verb)
    finally:
        connection.close()


def test_r16_the_log_tells_every_step(home: Home) -> None:
    appraisal.override(home, "T", by=B, **OVER)
    scenario_state.submit(home, "T", A)
    refused("self_approval", scenario_state.approve, home, "T", A)
    refused("missing_text", scenario_state.send_back, home, "T", " ", C)
    scenario_state.send_back(home, "T", "Thiếu bản chụp", C)
    appraisal.explanation(home, "T", commune="22492", criterion="III.3", text="Gửi bản chụp", evidence="Tệp 7", by=B)
    scenario_state.submit(home, "T", A)
    scenario_state.approve(home, "T", C)
    scenario_state.publish(home, "T", A)
    history = scenario.history(home, "T")
    assert [(entry["action"].removeprefix("scenario."), entry["actor"]) for entry in history["entries"]] == [
        ("new", A), ("override", B), ("submit", A), ("return", C), ("explanation", B), ("submit", A), ("approve", C),
        ("publish", A),
    ]  # fmt: skip
    over = history["entries"][1]
    assert {key: over["detail"][key] for key in ("points", "reason_code", "text", "evidence", "criterion")} == {
        "points": 6.5, "reason_code": "data_error", "text": OVER["text"], "evidence": OVER["evidence"], "criterion": "III.3",
    }  # fmt: skip
    assert "Thiếu bản chụp" in history["entries"][3]["text"]
    assert all(entry["os_user"] for entry in history["entries"])
    assert audit.verify(home)["intact"]
