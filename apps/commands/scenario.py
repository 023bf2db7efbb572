"""`cchc scenario`: re-scoring by the level above. Parsing only: the steps decide and speak."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from apps.help import Group
from apps.options import as_json, home_of, say

by_option = click.option("--by", metavar="WHO", help="Ai làm (mặc định: CCHC_USER, rồi tên tài khoản máy).")
version_option = click.option(
    "--if-version", "on_version", type=int, metavar="N", help="Chỉ làm nếu phương án còn ở phiên bản này."
)
name_argument = click.argument("name")
commune_option = click.option("--commune", metavar="C", required=True, help="Mã hoặc tên xã.")
criterion_option = click.option("--criterion", metavar="CODE", required=True, help="Tiêu chí, ví dụ III.3.")


def _told(document: dict[str, Any], json_out: bool) -> int:
    from apps.tables import scenario as tables

    say(document, json_out, tables.told)
    return 0


@click.group(cls=Group)
def scenario() -> None:
    """Phương án chấm lại: đổi trọng số, ngưỡng, điểm; so sánh; trình, duyệt, công bố."""


@scenario.command()
@name_argument
@click.option("--from-run", type=int, required=True, metavar="RUN", help="Lần công bố gốc («cchc score runs»).")
@click.option("--note", metavar="T", help="Phương án để làm gì.")
@by_option
@as_json
def new(name: str, from_run: int, note: str | None, by: str | None, json_out: bool) -> int:
    """Tạo phương án từ một lần công bố; lần công bố không bị đổi."""
    from flows.steps.scenario import new as run

    return _told(run(home_of(), name, from_run, by, note), json_out)


@scenario.command("set")
@name_argument
@click.argument("changes", nargs=-1, metavar="KEY=VALUE…")
@click.option(
    "--keep-total", is_flag=False, flag_value="*", metavar="[CODE]",
    help="Giữ nguyên tổng điểm: các tiêu chí khác (hoặc một tiêu chí CODE) bù phần chênh.",
)  # fmt: skip
@version_option
@by_option
@as_json
def set_(
    name: str, changes: tuple[str, ...], keep_total: str | None, on_version: int | None, by: str | None, json_out: bool
) -> int:
    """Đổi tham số, ví dụ: weight:III.3=10, rule:III.3.zero_at=0.04, target:online_min=0.35, definition=ii06,
    criteria=BỘ[@ngày], as_of=2023-06-30, known_at=2023-07-05, exclude:22504=lý do."""
    from flows.steps.scenario_changes import set_changes

    if keep_total and "=" in keep_total:  # `--keep-total weight:III.3=10`: the change that follows is no criterion
        changes, keep_total = (keep_total, *changes), "*"
    return _told(set_changes(home_of(), name, changes, keep_total=keep_total, by=by, on_version=on_version), json_out)


@scenario.command()
@name_argument
@click.argument("keys", nargs=-1, required=True, metavar="KEY…")
@version_option
@by_option
@as_json
def unset(name: str, keys: tuple[str, ...], on_version: int | None, by: str | None, json_out: bool) -> int:
    """Bỏ thay đổi đã đặt, ví dụ weight:III.3."""
    from flows.steps.scenario_changes import set_changes

    return _told(set_changes(home_of(), name, (), unset=keys, by=by, on_version=on_version), json_out)


@scenario.command()
@name_argument
@commune_option
@criterion_option
@click.option("--points", metavar="X", help="Điểm thẩm định, từ 0 đến điểm tối đa; điểm trừ cũng ghi số dương.")
@click.option("--reason-code", metavar="CODE", help="Mã lý do («cchc scenario reasons»).")
@click.option("--text", metavar="T", help="Lý do bằng lời.")
@click.option("--evidence", metavar="REF", help="Minh chứng: số văn bản, tệp, biên bản.")
@click.option("--expires", metavar="DAY", help="Ngày cuối cùng còn hiệu lực.")
@click.option("--withdraw", is_flag=True, help="Bỏ sửa điểm: dùng lại điểm máy tính.")
@version_option
@by_option
@as_json
def override(
    name: str, commune: str, criterion: str, points: str | None, reason_code: str | None, text: str | None,
    evidence: str | None, expires: str | None, withdraw: bool, on_version: int | None, by: str | None, json_out: bool,
) -> int:  # fmt: skip
    """Thay điểm máy tính của một tiêu chí; bắt buộc có mã lý do, lý do bằng lời và minh chứng."""
    from flows.steps import appraisal
    from flows.steps.home import UserError

    cell: dict[str, Any] = {"commune": commune, "criterion": criterion, "by": by, "on_version": on_version}
    if withdraw:
        if any(word is not None for word in (points, reason_code, text, evidence, expires)):
            raise UserError("two_ways", "--withdraw bỏ sửa điểm nên không đi cùng --points, --text…; chọn một trong hai.")
        return _told(appraisal.withdraw(home_of(), name, **cell), json_out)
    if points is None:
        raise UserError("missing_points", "Thiếu --points (điểm thẩm định), hoặc dùng --withdraw để bỏ sửa điểm.")
    return _told(
        appraisal.override(
            home_of(), name, points=points, reason_code=reason_code, text=text, evidence=evidence, expires=expires, **cell
        ),
        json_out,
    )


@scenario.command()
@name_argument
@commune_option
@criterion_option
@click.option("--text", metavar="T", help="Nội dung giải trình của xã.")
@click.option("--evidence", metavar="REF", help="Tài liệu kèm theo.")
@version_option
@by_option
@as_json
def explanation(
    name: str, commune: str, criterion: str, text: str | None, evidence: str | None, on_version: int | None,
    by: str | None, json_out: bool,
) -> int:  # fmt: skip
    """Ghi giải trình của xã về một tiêu chí, kèm tài liệu."""
    from flows.steps.appraisal import explanation as run

    return _told(
        run(home_of(), name, commune=commune, criterion=criterion, text=text, evidence=evidence, by=by, on_version=on_version),
        json_out,
    )


@scenario.command()
@as_json
def reasons(json_out: bool) -> int:
    """Các mã lý do sửa điểm và minh chứng phải có."""
    from apps.tables import scenario as tables
    from flows.steps.appraisal import reasons_json

    say(reasons_json(), json_out, tables.reasons)
    return 0


@scenario.command()
@name_argument
@as_json
def show(name: str, json_out: bool) -> int:
    """Phương án đổi những gì; mỗi điểm sửa kèm điểm máy tính."""
    from apps.tables import scenario as tables
    from flows.steps.scenario_compare import show as run

    say(run(home_of(), name), json_out, tables.shown)
    return 0


@scenario.command()
@name_argument
@click.argument("other", required=False)
@click.option("--commune", metavar="C", help="Thêm từng tiêu chí của một xã.")
@as_json
def compare(name: str, other: str | None, commune: str | None, json_out: bool) -> int:
    """So với lần công bố gốc, hoặc với phương án khác: điểm, hạng, xếp loại, cặp xã đổi thứ tự."""
    from apps.tables import scenario as tables
    from flows.steps.scenario_compare import compare as run

    say(run(home_of(), name, other, commune), json_out, tables.compared)
    return 0


@scenario.command()
@name_argument
@commune_option
@as_json
def review(name: str, commune: str, json_out: bool) -> int:
    """Điểm tự chấm, điểm máy tính, điểm thẩm định cạnh nhau, kèm giải trình và minh chứng."""
    from apps.tables import scenario as tables
    from flows.steps.appraisal import review as run

    say(run(home_of(), name, commune), json_out, tables.reviewed)
    return 0


def _step(command: str, text: str, run: Callable[..., dict[str, Any]]) -> None:
    """Add a command that moves a scenario one step on."""

    @scenario.command(command, help=text)
    @name_argument
    @by_option
    @as_json
    def step(name: str, by: str | None, json_out: bool) -> int:
        return _told(run(home_of(), name, by), json_out)


def _submit(*words: Any) -> dict[str, Any]:
    from flows.steps.scenario_state import submit

    return submit(*words)


def _publish(*words: Any) -> dict[str, Any]:
    from flows.steps.scenario_state import publish

    return publish(*words)


_step("submit", "Trình duyệt.", _submit)
_step("publish", "Công bố phương án đã duyệt thành một lần công bố mới.", _publish)


@scenario.command()
@name_argument
@version_option
@by_option
@as_json
def approve(name: str, on_version: int | None, by: str | None, json_out: bool) -> int:
    """Duyệt; người soạn, người sửa, người trình không tự duyệt được."""
    from flows.steps.scenario_state import approve as run

    return _told(run(home_of(), name, by, on_version), json_out)


@scenario.command("return")
@name_argument
@click.option("--reason", metavar="T", help="Vì sao trả lại.")
@by_option
@as_json
def return_(name: str, reason: str | None, by: str | None, json_out: bool) -> int:
    """Trả lại phương án để sửa, có lý do."""
    from flows.steps.scenario_state import send_back

    return _told(send_back(home_of(), name, reason, by), json_out)


@scenario.command()
@name_argument
@click.option("--to", type=int, metavar="VERSION", help="Phiên bản cần trở về (mặc định: phiên bản ngay trước).")
@version_option
@by_option
@as_json
def revert(name: str, to: int | None, on_version: int | None, by: str | None, json_out: bool) -> int:
    """Trở về đúng từng byte một phiên bản cũ, thành phiên bản mới."""
    from flows.steps.scenario_state import revert as run

    return _told(run(home_of(), name, to, by, on_version), json_out)


@scenario.command("list")
@as_json
def list_(json_out: bool) -> int:
    """Các phương án."""
    from apps.tables import scenario as tables
    from flows.steps.scenario import listing

    say(listing(home_of()), json_out, tables.listed)
    return 0


@scenario.command()
@name_argument
@as_json
def history(name: str, json_out: bool) -> int:
    """Các phiên bản của phương án và mọi việc đã làm."""
    from apps.tables import scenario as tables
    from flows.steps.scenario import history as run

    say(run(home_of(), name), json_out, tables.history)
    return 0
