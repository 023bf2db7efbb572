"""The command line `cchc`. Parsing only: every command calls a step and hands its document to `apps.show` or to JSON.

Nothing heavy is imported here, so that `cchc --help` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from flows.steps.home import Home

OUR_FAULT, CALLERS_FAULT, SOME_REJECTED = 1, 2, 3
as_json = click.option("--json", "json_out", is_flag=True, help="In đúng một tài liệu JSON ra stdout.")
year_option = click.option("--year", type=int, required=True, help="Năm chấm điểm.")
as_of_option = click.option("--as-of", metavar="TS", help="Tính đến ngày (mặc định: bây giờ).")
known_at_option = click.option("--known-at", metavar="TS", help="Chỉ dùng số liệu đã nạp đến lúc này.")
definition_option = click.option("--definition", metavar="D", help="Định nghĩa trễ hạn: qd766, provincial_766, ii06, opencps.")


@click.group(context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100})
def cli() -> None:
    """Chỉ số cải cách hành chính của xã: nạp số liệu, chấm điểm, giải thích điểm bị trừ.

    Mã thoát: 0 xong · 1 lỗi của phần mềm · 2 lệnh hoặc tệp không dùng được · 3 xong nhưng có tệp bị từ chối.
    """


@cli.command()
@click.argument("paths", nargs=-1, required=True, type=str)
@click.option("--contract", metavar="FILE", help="Hợp đồng đọc tệp (tên hoặc tệp YAML); bỏ trống thì tự nhận.")
@click.option("--unit", metavar="CODE", help="Mã xã của tệp, thay cho đơn vị ghi trong tệp.")
@click.option("--received-at", metavar="TS", help="Thời điểm nhận tệp; số liệu được coi là biết từ lúc này.")
@as_json
def ingest(paths: tuple[str, ...], contract: str | None, unit: str | None, received_at: str | None, json_out: bool) -> int:
    """Đọc, kiểm tra và nạp các tệp xuất (thư mục nghĩa là mọi tệp trong đó)."""
    from apps import show
    from flows.steps.files import Request, candidates
    from flows.steps.home import UserError, parse_moment
    from flows.steps.ingest import ingest as run

    if not all(path.strip() for path in paths):
        # An unset shell variable must not mean the current folder.
        raise UserError("not_found", "Đường dẫn rỗng; hãy ghi tên tệp hoặc thư mục cần nạp.")
    home = _home()
    moment = parse_moment(received_at) if received_at else None
    request = Request(candidates(home, contract), unit, moment)
    with show.progress("Nạp tệp", json_out) as advance:
        results = run(home, [Path(path) for path in paths], request, advance)
    _say({"files": [result.to_json() for result in results]}, json_out, show.ingested)
    return SOME_REJECTED if any(result.status == "rejected" for result in results) else 0


@cli.group()
def contract() -> None:
    """Hợp đồng: cách đọc một mẫu tệp xuất."""


@contract.command()
@click.argument("path", type=click.Path(path_type=Path))
@as_json
def sniff(path: Path, json_out: bool) -> int:
    """Soạn nháp hợp đồng cho một tệp xuất chưa biết (in YAML ra màn hình)."""
    from apps import show
    from flows.steps.contracts import draft

    _say(draft(path), json_out, show.drafted)
    return 0


@contract.command("list")
@as_json
def contract_list(json_out: bool) -> int:
    """Các hợp đồng sẵn có."""
    from apps import show
    from flows.steps.contracts import listing

    _say(listing(_home(prepare=False)), json_out, show.contracts)
    return 0


@cli.command()
@year_option
@click.option("--month", type=int, help="Chỉ một tháng (1–12); bỏ trống: từ đầu năm.")
@click.option("--commune", metavar="C", help="Chỉ một xã (mã hoặc tên).")
@as_of_option
@known_at_option
@definition_option
@as_json
def measures(
    year: int, month: int | None, commune: str | None, as_of: str | None, known_at: str | None, definition: str | None,
    json_out: bool,
) -> int:  # fmt: skip
    """Số lượng và tỷ lệ đứng sau các tiêu chí."""
    from apps import show
    from flows.steps.measure import measures_json

    asked = _question(year, month, as_of, known_at, definition)
    _say(measures_json(_home(), asked, commune), json_out, show.measures)
    return 0


@cli.command()
@year_option
@as_of_option
@known_at_option
@click.option("--criteria", "criteria_set", metavar="SET", help="Bộ tiêu chí (mặc định: bộ của xã).")
@definition_option
@as_json
def score(
    year: int,
    as_of: str | None,
    known_at: str | None,
    criteria_set: str | None,
    definition: str | None,
    json_out: bool,
) -> int:
    """Chỉ số, xếp loại, thứ hạng của mọi xã theo từng tiêu chí."""
    from apps import show
    from flows.steps.score import score_json, score_question

    asked, home = _question(year, None, as_of, known_at, definition), _home()
    with home.database.begin() as tx:
        document = score_json(score_question(home, tx, asked, criteria_set))
    _say(document, json_out, show.scores)
    return 0


@cli.command()
@click.option("--commune", metavar="C", required=True, help="Mã hoặc tên xã.")
@year_option
@click.option("--criterion", metavar="CODE", help="Chỉ một tiêu chí, ví dụ III.3.")
@as_of_option
@known_at_option
@click.option("--criteria", "criteria_set", metavar="SET", help="Bộ tiêu chí.")
@definition_option
@as_json
def explain(
    commune: str, year: int, criterion: str | None, as_of: str | None, known_at: str | None, criteria_set: str | None,
    definition: str | None, json_out: bool,
) -> int:  # fmt: skip
    """Từng điểm bị trừ: lý do, căn cứ, hồ sơ, người phải xử lý."""
    from apps import show
    from flows.steps.explain import explain as run

    asked = _question(year, None, as_of, known_at, definition)
    _say(run(_home(), asked, commune, criterion, criteria_set), json_out, show.explained)
    return 0


@cli.command()
@as_of_option
@click.option("--year", type=int, help="Năm chấm điểm (mặc định: năm của thời điểm tính).")
@as_json
def nightly(as_of: str | None, year: int | None, json_out: bool) -> int:
    """Chuỗi việc mỗi đêm: hộp thư → nạp → kiểm tra → chấm điểm → báo cáo."""
    from apps import show
    from flows.steps.home import parse_moment
    from flows.steps.nightly import nightly as run

    home = _home()
    with show.progress("Chạy đêm", json_out) as advance:
        document = run(home, parse_moment(as_of) if as_of else None, year, advance)
    _say(document, json_out, show.night)
    return SOME_REJECTED if document["rejected"] else 0


@cli.group()
def quarantine() -> None:
    """Các dòng bị giữ lại chờ sửa."""


@quarantine.command("list")
@click.option("--file", "sha256", metavar="SHA", help="Chỉ một tệp (đầu mã sha256).")
@click.option("--all", "everything", is_flag=True, help="Cả các dòng đã xử lý.")
@as_json
def quarantine_list(sha256: str | None, everything: bool, json_out: bool) -> int:
    """Liệt kê các dòng bị giữ lại, với lý do."""
    from apps import show
    from flows.steps.quarantine import listing

    _say(listing(_home(), sha256, everything), json_out, show.quarantined)
    return 0


@quarantine.command("export")
@click.argument("sha256", metavar="SHA")
@click.argument("target", type=click.Path(path_type=Path))
@as_json
def quarantine_export(sha256: str, target: Path, json_out: bool) -> int:
    """Ghi các dòng bị giữ của một tệp ra xlsx để sửa rồi nạp lại."""
    from apps import show
    from flows.steps.quarantine import export

    _say(export(_home(), sha256, target), json_out, show.exported)
    return 0


@quarantine.command("close")
@click.argument("ids", nargs=-1, required=True, type=int)
@click.option("--reason", required=True, metavar="TEXT", help="Vì sao không cần sửa nữa.")
@as_json
def quarantine_close(ids: tuple[int, ...], reason: str, json_out: bool) -> int:
    """Đóng các dòng bị giữ không cần sửa, có ghi lý do."""
    from apps import show
    from flows.steps.quarantine import close

    _say(close(_home(), ids, reason), json_out, show.closed)
    return 0


@cli.command()
@click.option("--seed", type=int, default=1, show_default=True, help="Hạt giống của số liệu giả lập.")
@click.option("--year", type=int, default=2023, show_default=True, help="Năm giả lập.")
@as_json
def demo(seed: int, year: int, json_out: bool) -> int:
    """Dựng một huyện giả lập, chạy toàn bộ chuỗi, in bảng kết quả."""
    from apps import show
    from apps.demo import demo as run

    with show.progress("Chạy thử", json_out) as advance:
        document = run(_home(), seed, year, advance)
    _say(document, json_out, show.demo)
    return 0


def _home(*, prepare: bool = True) -> Home:
    from flows.steps.home import open_home

    home = open_home()
    if prepare:
        home.prepare()
    return home


def _question(year: int, month: int | None, as_of: str | None, known_at: str | None, definition: str | None) -> Any:
    from flows.steps.home import parse_moment
    from flows.steps.measure import question

    return question(
        year, month=month, as_of=parse_moment(as_of) if as_of else None,
        known_at=parse_moment(known_at) if known_at else None, definition=definition,
    )  # fmt: skip


def _say(document: dict[str, Any], json_out: bool, show: Callable[[dict[str, Any]], None]) -> None:
    if json_out:
        sys.stdout.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")
        sys.stdout.flush()
    else:
        show(document)


def _fail(status: int, code: str, message: str) -> int:
    """Say what went wrong: one JSON document or one sentence, never a traceback."""
    if "--json" in sys.argv[1:]:
        json.dump({"error": {"code": code, "message": message}}, sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
    click.echo(f"Lỗi: {message}", err=True)
    return status


def main() -> None:
    """Run the command line and exit with its status."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(run())


def run() -> int:
    """Run the command line; returns the exit status."""
    try:
        return int(cli(standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help())
        return 0
    except click.ClickException as error:
        from apps.wording import usage_error

        return _fail(CALLERS_FAULT, "usage", usage_error(error))
    except (click.Abort, KeyboardInterrupt):
        return _fail(OUR_FAULT, "interrupted", "Đã dừng theo yêu cầu; chạy lại lệnh là tiếp tục.")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _explain_failure(error)


def _explain_failure(error: Exception) -> int:
    from apps.wording import failure

    status, code, message = failure(error)
    return _fail(status, code, message)
