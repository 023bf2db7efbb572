"""What people read when a command cannot do its work: one sentence, the right status, and no value of any cell."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
import pytest

from apps import cli
from apps.options import say
from apps.wording import failure, usage_error


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["score", "--khong-co"], "Không có tùy chọn «--khong-co»"),
        (["score"], "Thiếu «--year»"),
        (["ingest"], "Thiếu «PATHS"),
        (["score", "--year", "abc"], "Giá trị của «--year» không hợp lệ"),
        (["bay"], "Không có lệnh bay"),
        (["contract", "list", "thua"], "Lệnh không đúng"),
    ],
)
def test_wrong_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["cchc", *words, "--json"])
    assert cli.run() == 2
    said = capsys.readouterr()
    error = json.loads(said.out)["error"]
    assert error["code"] == "usage" and error["message"].startswith(expected) and "cchc --help" in error["message"]
    assert said.err == f"Lỗi: {error['message']}\n"


def test_every_click_error_has_a_sentence() -> None:
    for error in (
        click.UsageError("x"),
        click.MissingParameter(),
        click.BadParameter("x"),
        click.NoSuchOption("--x"),
        click.ClickException("x"),
    ):
        assert usage_error(error).endswith("Xem «cchc --help».")


def test_known_failures() -> None:
    from flows.steps.home import UserError
    from sources.contract_yaml import ContractError
    from sources.units import UnitRegisterError
    from warehouse.errors import DatabaseError

    assert failure(UserError("bad_time", "Sai giờ."))[:3] == (2, "bad_time", "Sai giờ.")
    assert failure(UnitRegisterError("dòng 3"))[:2] == (2, "bad_units")
    status, code, message = failure(DatabaseError("unreachable", detail="cổng 1"))
    assert (status, code) == (1, "database_unreachable") and message
    assert issubclass(ContractError, Exception)


def test_a_fault_of_ours_leaves_its_place_and_no_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CCHC_HOME", str(tmp_path / "home"))
    cell = "Người Bí " + "Mật 09000" + "00000"
    try:
        raise KeyError(cell)
    except KeyError as error:
        status, code, message = failure(error)
    log = (tmp_path / "home" / "logs" / "errors.log").read_text(encoding="utf-8")
    assert (status, code) == (1, "internal") and "errors.log" in message
    assert "KeyError" in log and "test_wording.py" in log
    assert "Bí Mật" not in log + message and "0900000000" not in log + message


def test_a_home_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tep").write_text("")
    monkeypatch.setenv("CCHC_HOME", str(tmp_path / "tep"))
    status, code, message = failure(RuntimeError("x"))
    assert (status, code) == (1, "internal") and "không ghi được nhật ký" in message


def test_a_document_with_no_number_is_never_half_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError):
        say({"a": 1, "b": float("nan")}, True, print)
    assert capsys.readouterr().out == ""


def test_a_reader_that_leaves_early_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(**_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "cli", gone)
    assert cli.run() == 1
