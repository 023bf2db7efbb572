"""An export of a layout nobody has seen: drafted by `contract sniff`, corrected as text, loaded in four formats with one outcome."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kit import CLOCK, Cchc, csv_text, measure

# The words of another maker: other headers, a title, a signature, dates with a dash, an own word for each way in.
HEAD = [
    "TT",
    "Mã giao dịch HCC",
    "Địa bàn tiếp nhận",
    "Thời điểm vào sổ",
    "Thời điểm hẹn dân",
    "Thời điểm ký kết quả",
    "Cách gửi",
    "Đứng tên",
    "Tiền phí",
]
WAYS = {"direct": "Đến quầy", "online": "Gửi trên mạng", "postal": "Bưu tá mang tới"}


def _lines() -> list[list[str]]:
    made: list[list[str]] = []
    for n in range(1, 41):
        way = list(WAYS.values())[0 if n % 4 else 1 if n % 8 else 2]
        done = "" if n > 36 else f"{11 if n <= 5 else 9:02d}-04-2023 10:15"
        place = "Đại Lãnh" if n % 2 else "Vạn Thọ"
        made.append(
            [
                str(n),
                f"GD.23.{n:05d}",
                place,
                "03-04-2023 08:00",
                "10-04-2023 16:30",
                done,
                way,
                f"Người Thử {n}",
                "15.000" if n % 3 else "0",
            ]
        )
    return made


def _sheet() -> str:
    top = [["TRUNG TÂM HÀNH CHÍNH CÔNG"], ["BẢNG KÊ GIAO DỊCH THÁNG 4 NĂM 2023"], []]
    return csv_text([*top, HEAD, *_lines(), [], ["", "Người lập bảng"]])


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same table as csv and, through LibreOffice, as ods, xlsx and xls."""
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if office is None:
        pytest.skip("no LibreOffice on this machine")
    folder = tmp_path_factory.mktemp("la")
    source = folder / "bang-ke.csv"
    source.write_text(_sheet(), encoding="utf-8")
    # 44,34,76: comma, double quote, UTF-8. Columns as text (format 2), so that nothing is turned into a date by the locale.
    texts = "/".join(f"{n}/2" for n in range(1, len(HEAD) + 1))
    for ending in ("ods", "xlsx", "xls"):
        subprocess.run(
            [office, f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", f"--infilter=CSV:44,34,76,1,{texts}",
             "--convert-to", ending, "--outdir", str(folder), str(source)],
            capture_output=True, timeout=120, check=True,
        )  # fmt: skip
    return {ending: folder / f"bang-ke.{ending}" for ending in ("csv", "ods", "xlsx", "xls")}


def _corrected(draft: str) -> str:
    """Return the draft as a person would correct it, line by line."""
    wanted = {
        "dossier_code": ("Mã giao dịch HCC", "type: text, required: true"), "received_at": ("Thời điểm vào sổ", "type: datetime, required: true"),
        "due_at": ("Thời điểm hẹn dân", "type: datetime"), "finished_at": ("Thời điểm ký kết quả", "type: datetime"),
        "channel": ("Cách gửi", "type: code, values: {{{}}}, otherwise: quarantine".format(", ".join(f'{k}: ["{v}"]' for k, v in WAYS.items()))),
        "applicant": ("Đứng tên", "personal: true"), "fee_amount": ("Tiền phí", "type: decimal"),
    }  # fmt: skip
    lines = [
        "contract: hanh_chinh_cong", "source: hanh_chinh_cong", "table: dossiers", "grain: one row per dossier",
        'unit: {column: "Địa bàn tiếp nhận"}', "timezone: Asia/Ho_Chi_Minh", "columns:",
    ]  # fmt: skip
    for column, (header, rest) in wanted.items():
        assert header in draft
        lines.append(f'  {column}: {{headers: ["{header}"], {rest}}}')
    return "\n".join(lines) + "\n"


def test_a_layout_nobody_has_seen(cchc: Cchc, exports: dict[str, Path], files: Path) -> None:
    sniffed = cchc("contract", "sniff", exports["xlsx"])
    assert sniffed.status == 0
    draft = sniffed.out
    import yaml

    body: dict[str, Any] = yaml.safe_load(draft)
    assert body["table"] == "dossiers"
    guessed = {header: name for name, column in body["columns"].items() for header in column["headers"]}
    assert guessed.get("Mã giao dịch HCC") in ("dossier_code", None) or guessed
    assert "Người Thử" not in draft and "Người Thử" not in sniffed.err
    document = cchc("contract", "sniff", exports["ods"], "--json").json
    assert document["header_row"] == 4 and document["yaml"].startswith(draft[:20])
    contract = files / "hop-dong.yaml"
    contract.write_text(_corrected(draft), encoding="utf-8")

    unknown = cchc("ingest", exports["csv"], "--json")
    assert unknown.status == 3 and unknown.json["files"][0]["reason"] == "unknown_layout"
    figures = {}
    for day, (ending, path) in enumerate(exports.items(), 1):
        loaded = cchc("ingest", path, "--contract", contract, "--json", clock=CLOCK.replace("-10T", f"-{10 + day}T"))
        assert loaded.status == 0, (ending, loaded.out)
        (file,) = loaded.json["files"]
        assert (file["rows_read"], file["rows_accepted"], file["status"], file["source"]) == (
            40,
            40,
            "loaded",
            "hanh_chinh_cong",
        ), (ending, file)
        assert file["rows_unchanged"] == (0 if ending == "csv" else 40), ending
        document = cchc("measures", "--year", 2023, "--month", 4, "--json").json
        figures[ending] = [row for row in document["measures"] if row["numerator"] is not None]
    assert figures["csv"] == figures["ods"] == figures["xlsx"] == figures["xls"]
    document = {"measures": figures["xls"]}
    assert measure(document, "received") == (20, None)
    assert measure(document, "overdue_rate") == (3 + 2, 20)  # 1, 3, 5 late; 37, 39 open and past due
    assert measure(document, "online_rate") == (0, 20)
    tho = next(row["commune"] for row in figures["csv"] if row["name"] == "Vạn Thọ")
    assert measure(document, "online_rate", tho) == (5, 20)
    assert measure(document, "postal_rate", tho) == (5, 20)
    assert not re.search("Người Thử", cchc("explain", "--commune", "22492", "--year", 2023).out)


def test_the_draft_itself_is_a_contract(cchc: Cchc, files: Path) -> None:
    """For headers that people commonly use the draft loads as it is."""
    head = [
        "STT",
        "Mã hồ sơ giao dịch",
        "Đơn vị tiếp nhận",
        "Ngày nhận hồ sơ",
        "Ngày hẹn trả kết quả",
        "Ngày hoàn thành",
        "Họ tên người nộp",
    ]
    lines = [
        [str(n), f"GD-{n:04d}", "UBND xã Đại Lãnh", "02/05/2023", "10/05/2023", "09/05/2023", f"Người Thử {n}"]
        for n in range(1, 21)
    ]
    path = files / "moi.csv"
    path.write_text(csv_text([head, *lines]), encoding="utf-8")
    draft = cchc("contract", "sniff", path)
    contract = files / "nhap.yaml"
    contract.write_text(draft.out, encoding="utf-8")
    loaded = cchc("ingest", path, "--contract", contract, "--json")
    assert loaded.status == 0, loaded.out
    assert (loaded.json["files"][0]["status"], loaded.json["files"][0]["rows_accepted"]) == ("loaded", 20)
    assert measure(cchc("measures", "--year", 2023, "--month", 5, "--json").json, "received") == (20, None)
    kept = cchc("contract", "list", "--json").json["contracts"]
    assert {"one_stop", "portal", "survey"} <= {row["name"] for row in kept}
