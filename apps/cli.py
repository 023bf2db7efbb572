"""The command line `cchc`. Parsing only: every command calls a step and hands its document to `apps.show` or to JSON.

Nothing heavy is imported here, so that `cchc --help` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from apps.commands.alerts import alerts
from apps.commands.audit import audit
from apps.commands.backtest import backtest
from apps.commands.backup import backup, restore
from apps.commands.commitments import commitments
from apps.commands.criteria import criteria
from apps.commands.doctor import doctor
from apps.commands.explain import explain
from apps.commands.forecast import forecast, forecast_verify
from apps.commands.forecast_rate import forecast_rate
from apps.commands.measures import measures
from apps.commands.pull import pull
from apps.commands.robustness import robustness
from apps.commands.scenario import scenario
from apps.commands.score import score
from apps.commands.up import up
from apps.help import Group
from apps.options import as_json, as_of_option, home_of, say

OUR_FAULT, CALLERS_FAULT, SOME_REJECTED = 1, 2, 3


@click.group(cls=Group, context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100})
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
    home = home_of()
    moment = parse_moment(received_at) if received_at else None
    request = Request(candidates(home, contract), unit, moment)
    with show.progress("Nạp tệp", json_out) as advance:
        results = run(home, [Path(path) for path in paths], request, advance)
    say({"files": [result.to_json() for result in results]}, json_out, show.ingested)
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

    say(draft(path), json_out, show.drafted)
    return 0


@contract.command("list")
@as_json
def contract_list(json_out: bool) -> int:
    """Các hợp đồng sẵn có."""
    from apps import show
    from flows.steps.contracts import listing

    say(listing(home_of(prepare=False)), json_out, show.contracts)
    return 0


@cli.command()
@as_of_option
@click.option("--year", type=int, help="Năm chấm điểm (mặc định: năm của thời điểm tính).")
@as_json
def nightly(as_of: str | None, year: int | None, json_out: bool) -> int:
    """Chuỗi việc mỗi đêm: hộp thư → nạp → kiểm tra → chấm điểm → dự báo → báo cáo."""
    from apps import show
    from flows.steps.home import parse_moment
    from flows.steps.nightly import nightly as run

    home = home_of()
    with show.progress("Chạy đêm", json_out) as advance:
        document = run(home, parse_moment(as_of) if as_of else None, year, advance)
    say(document, json_out, show.night)
    return SOME_REJECTED if document["rejected"] else 0


for command in (
    criteria, measures, score, explain, robustness, commitments, forecast, forecast_verify, forecast_rate, backtest,
    scenario, audit, doctor, alerts, backup, restore, up, pull,
):  # fmt: skip
    cli.add_command(command)


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

    say(listing(home_of(), sha256, everything), json_out, show.quarantined)
    return 0


@quarantine.command("export")
@click.argument("sha256", metavar="SHA")
@click.argument("target", type=click.Path(path_type=Path))
@as_json
def quarantine_export(sha256: str, target: Path, json_out: bool) -> int:
    """Ghi các dòng bị giữ của một tệp ra xlsx để sửa rồi nạp lại."""
    from apps import show
    from flows.steps.quarantine import export

    say(export(home_of(), sha256, target), json_out, show.exported)
    return 0


@quarantine.command("close")
@click.argument("ids", nargs=-1, required=True, type=int)
@click.option("--reason", required=True, metavar="TEXT", help="Vì sao không cần sửa nữa.")
@as_json
def quarantine_close(ids: tuple[int, ...], reason: str, json_out: bool) -> int:
    """Đóng các dòng bị giữ không cần sửa, có ghi lý do."""
    from apps import show
    from flows.steps.quarantine import close

    say(close(home_of(), ids, reason), json_out, show.closed)
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
        document = run(home_of(), seed, year, advance)
    say(document, json_out, show.demo)
    return 0


def _fail(status: int, code: str, message: str) -> int:
    """Say what went wrong: one JSON document or one sentence, never a traceback."""
    message = message.encode("utf-8", "replace").decode()  # a word of the call that is no UTF-8 may be quoted in it
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
