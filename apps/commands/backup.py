"""`cchc backup` and `cchc restore`: an installation in one file, and out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from apps.help import Command
from apps.options import as_json, home_of, say

NOT_EQUAL = 3


@click.command(cls=Command)
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="TARGET là thư mục: chỉ giữ N bản mới nhất ở đó.")
@as_json
def backup(target: Path, keep: int | None, json_out: bool) -> int:
    """Sao lưu vào một tệp .tar: cơ sở dữ liệu, tệp gốc, bộ tiêu chí, cấu hình, khóa.

    TARGET là tệp chưa có, hoặc thư mục (tên tệp đặt theo thời điểm). Không ghi đè; đang nạp tệp vẫn sao lưu được. Bản sao
    chứa thông tin cá nhân trong tệp gốc và khóa bí mật: cất nơi an toàn. Mã thoát 3: có tệp gốc đã hỏng hoặc mất.
    """
    from apps.tables import backup as tables
    from flows.steps.backup import backup as run

    document = run(home_of(), target, keep)
    say(document, json_out, tables.backed_up)
    return NOT_EQUAL if document["damaged"] else 0


@click.command(cls=Command)
@click.argument("archive", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--into", type=click.Path(path_type=Path), metavar="HOME", help="Thư mục trống (mặc định: CCHC_HOME).")
@click.option("--check", is_flag=True, help="Chỉ kiểm tra bản sao lưu, không khôi phục.")
@as_json
def restore(archive: Path, into: Path | None, check: bool, json_out: bool) -> int:
    """Khôi phục bản sao lưu vào nơi cài đặt trống, rồi đối chiếu từng bảng.

    Bị ngắt giữa chừng thì chạy lại đúng lệnh đó. Mã thoát 3: có gì đó không khớp, bảng in ra nói rõ.
    """
    from apps.tables import backup as tables
    from flows.steps import restore as steps
    from flows.steps.home import Home

    if check:
        document: dict[str, Any] = steps.check(archive)
    else:
        home = home_of(prepare=False) if into is None else Home(into.expanduser().absolute())
        document = steps.restore(home, archive)
    say(document, json_out, tables.restored)
    return 0 if document.get("sound", check) and not document["damaged"] else NOT_EQUAL
