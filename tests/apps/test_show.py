"""Every renderer on a document as the steps give it: Vietnamese, complete, and never a way into the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from apps import show
from apps.tables.explain import explained
from messages.fmt import NBSP
from tests.forecast_document import document as forecast_document

FILE: dict[str, Any] = {
    "path": "/tmp/inbox/thang [bold]3.xlsx", "sha256": "ab" * 32, "source": "one_stop", "contract": "one_stop", "status": "loaded",
    "rows_read": 1234, "rows_accepted": 1222, "rows_quarantined": 12, "rows_unchanged": 0, "reason": None, "message": None, "warnings": ["Thiếu cột «Hạn xử lý»."],
    "quarantine": [{"row": 10 + n, "column": "Ngày kết thúc xử lý", "rule": "not_before", "key": f"H32-{n}"} for n in range(12)],
}  # fmt: skip
REFUSED = FILE | {
    "path": "/tmp/\x1b[31mhỏng.xls", "status": "rejected", "source": None, "message": "Tệp bị hỏng; hãy xuất lại.", "quarantine": [], "warnings": [],
    "rows_read": 0, "rows_accepted": 0, "rows_quarantined": 0,
}  # fmt: skip
COMMUNE = {
    "commune": "22492", "name": "Đại Lãnh", "total": 76.82, "max_scored": 96.5, "max_total": 100, "share_pct": 79.6, "grade": "Khá",
    "grade_status": "provisional", "rank": 1, "peers": 2, "criteria": [],
}  # fmt: skip
SCORE: dict[str, Any] = {
    "criteria_set": "commune_reconstructed", "criteria_hash": "f" * 64, "definition": "qd766", "year": 2023, "as_of": "2023-12-31T23:59:59+07:00",
    "warning": "Bản dựng lại để tham khảo.",
    "communes": [COMMUNE | {"name": "Vạn Thọ", "rank": None, "grade": None, "grade_status": "none", "total": None, "share_pct": None}, COMMUNE],
}  # fmt: skip
SOURCE = {"dossier": "H32-1", "officer": "Cán bộ Mẫu", "file": "thang3.xlsx", "row": 17, "lost": 0.61}
ITEM: dict[str, Any] = {
    "code": "III.3", "label": "Hồ sơ trễ hạn", "lost": 1.22, "max_points": 8, "reason": "24 hồ sơ trễ hạn.", "clause": "Tiêu chí III.3", "provenance": "reconstructed",
    "owner": "Công chức Văn phòng", "to_recover": "Xử lý các hồ sơ đang trễ.", "recover_by": "2023-12-31", "declared": None, "dossiers": ["H32-1", "H32-2", "H32-3", "H32-4"], "dossier_count": 1040,
    "sources": [SOURCE] * 12,
}  # fmt: skip
DECLARED = ITEM | {
    "code": "I.5",
    "dossiers": [],
    "dossier_count": 0,
    "sources": [],
    "to_recover": "",
    "declared": {"file": "tu-danh-gia.xlsx", "row": 36, "evidence": None},
}
EXPLAIN: dict[str, Any] = {
    "commune": "22492", "unit_id": "22492", "name": "Đại Lãnh", "year": 2023, "total": 76.82, "max_scored": 96.5, "lost": 19.68, "warning": None, "criteria_set": "bo_mau", "definition": "qd766", "items": [ITEM, DECLARED],
    "missing": [{"code": "I.1", "label": "Kế hoạch", "max_points": 1.5, "owner": "Công chức Văn phòng"}],
}  # fmt: skip
OTHER_SETS = [
    {"criteria_set": "qd_766", "label": "Bộ chỉ số 766", "subject": "commune", "month": None, "grading_scale": 100.0, "provenance": "reconstructed",
     "scored": 1, "index": 81.5, "max_scored": 60.0, "max_total": 100.0, "rank": 2, "peers": 13, "grades": [{"grade": "Tốt", "count": 1}]},
    {"criteria_set": "one_stop_official", "label": "Đánh giá CBCC", "subject": "official", "month": 6, "grading_scale": 18.0,
     "provenance": "reconstructed", "scored": 3, "index": None, "max_scored": None, "max_total": 10.0, "rank": None, "peers": None,
     "grades": [{"grade": "Khá", "count": 2}, {"grade": None, "count": 1}]},
]  # fmt: skip
EXPLAIN_IN_FULL: dict[str, Any] = {
    **EXPLAIN,
    "officer": None,
    "period_over": True,
    "by_owner": [
        {"owner": "Bộ phận Một cửa", "lost": 5.5, "criteria": [
            {"code": "III.3", "label": "Hồ sơ trễ hạn", "lost": 5.5, "to_recover": "Cần thêm 3 hồ sơ.", "recover_by": "2023-12-31", "dossier_count": 2}
        ]}
    ],
    "by_officer": [
        {"officer": f"Công chức {n}", "department": None, "lost": 1.0, "dossier_count": 2, "criteria": {"III.3": 1.0}, "dossiers": []} for n in range(13)
    ],
    "complaints": [
        {"official": "Công chức [b]", "forms": 4, "first_day": "2023-02-01", "last_day": "2023-05-03", "months": ["2023-02"],
         "form_codes": ["P1", "P2", "P3", "P4"], "dossier_codes": [], "repeated": True}
    ],
}  # fmt: skip


@pytest.fixture
def out(capsys: pytest.CaptureFixture[str]) -> Any:
    def read() -> str:
        text = capsys.readouterr().out
        assert "\x1b" not in text and "None" not in text and "nan" not in text.split()
        return text

    return read


def test_ingested(out: Any) -> None:
    show.ingested({"files": [FILE, REFUSED]})
    text = out()
    assert "đã nạp" in text and "từ chối" in text and "1.234" in text
    assert "thang [bold]3.xlsx" in text and "Tệp bị hỏng" in text
    assert "dòng 10" in text and "dòng 19" in text and "dòng 20" not in text and "còn 2 dòng nữa" in text
    assert "ngày sau lại trước ngày trước" in text and "Thiếu cột" in text


def test_scores(out: Any) -> None:
    show.scores(SCORE)
    text = out()
    assert text.index("Đại Lãnh") < text.index("Vạn Thọ")
    assert "76,82" in text and "Khá" in text and "Bản dựng lại" in text and "31/12/2023" in text


def test_explained(out: Any) -> None:
    explained(EXPLAIN_IN_FULL)
    text = out()
    for words in (
        "mất 19,68 điểm",
        "Hồ sơ trễ hạn",
        "Căn cứ",
        "Phụ trách",
        "thang3.xlsx, dòng 17",
        "Cần làm",
        "tất cả 1.040 hồ sơ",
        "tu-danh-gia.xlsx, dòng 36",
        "Chưa có số liệu",
        "Theo bộ phận phụ trách",
        "Hạn: 31/12/2023.",
        "còn 1 người nữa",
        "Công chức [b]",
        "tái diễn",
        "P1, P2, P3, …",
    ):
        assert words in text, words


def test_measures(out: Any) -> None:
    rows: list[dict[str, Any]] = [
        {
            "name": "Vạn Thạnh",
            "measure": "online_rate",
            "numerator": 5,
            "denominator": 7,
            "value": 5 / 7,
            "unknown": 0,
            "interval": [0.358935, 0.917781],
            "judgement": "too_few",
        },
        {
            "name": "Vạn Thạnh",
            "measure": "time_points_rate",
            "numerator": 5,
            "denominator": 14,
            "value": 5 / 14,
            "unknown": 0,
            "interval": [0.1, 0.7],
            "judgement": "too_few",
        },
        {"name": "Đại Lãnh", "measure": "overdue_rate", "numerator": 24, "denominator": 1492, "value": 24 / 1492, "unknown": 0},
        {"name": "Đại Lãnh", "measure": "received", "numerator": 1493, "denominator": None, "value": 1493.0, "unknown": 3},
        {
            "name": "Đại Lãnh",
            "measure": "satisfaction_index",
            "numerator": None,
            "denominator": None,
            "value": None,
            "unknown": 0,
        },
    ]
    rows = [{"interval": None, "judgement": None, **row} for row in rows]
    units = [{"name": "Đại Lãnh", "commune": "22504", "notes": ["Cộng số liệu [red]của ba xã"]}]
    document = {"as_of": "2023-12-31T16:59:59+00:00", "definition_version": "qd766@1", "measures": rows}
    show.measures(document | {"units_on": "2025-07-01", "units": units})
    text = out()
    assert text.count("(ít trường hợp: 7)") == 2 and "35,9–91,8" in text
    assert "địa giới ngày 01/07/2025" in text and "Lưu ý Đại Lãnh (22504): Cộng số liệu [red]của ba xã" in text
    assert "1.492" in text and "1,61" in text and "chưa có số liệu" in text and "23:59" in text


@pytest.mark.parametrize("new", [True, False])
def test_night(out: Any, new: bool) -> None:
    document: dict[str, Any] = {"message": "Không có gì mới từ lần chạy 01/01/2024 22:00; không làm lại.", "files": []}
    if new:
        finding = {"label": "Số liệu báo cáo", "unit": "Đại Lãnh", "text": "lệch 7"}
        document = {
            "message": "Xong: nạp 1 tệp mới.",
            "files": [FILE],
            "score": SCORE,
            "findings": [finding] * 23,
            "written": {"Điểm": "/tmp/diem.json"},
        }
    show.night(document)
    text = out()
    assert document["message"] in text
    assert ("còn 3 điểm nữa" in text and "/tmp/diem.json" in text and "Đại Lãnh" in text) is new


def test_quarantine(out: Any) -> None:
    row = {
        "quarantine_id": 7,
        "file": "a\x1b.xlsx",
        "row": 12,
        "column": "Ngày tiếp nhận",
        "rule": "unreadable",
        "key": None,
        "state": "superseded",
    }
    show.quarantined({"rows": [row, row | {"state": "closed"}, row | {"state": "open", "rule": "luat_moi"}]})
    text = out()
    assert all(words in text for words in ("đã có bản sửa", "đã đóng", "chờ sửa", "không đọc được giá trị", "luat_moi"))
    show.exported({"rows": 2, "path": "/tmp/" + "x" * 150 + ".xlsx"})
    assert "x" * 150 + ".xlsx" in out()
    show.closed({"closed": 3})
    assert "Đã đóng 3 dòng" in out()


def test_contracts_and_draft(out: Any) -> None:
    show.contracts(
        {"contracts": [{"name": "one_stop", "source": "one_stop", "table": "dossiers", "label": "Danh sách", "origin": "có sẵn"}]}
    )
    assert "one_stop" in out()
    show.drafted({"yaml": "contract: mới\n# [bold]\n"})
    assert out() == "contract: mới\n# [bold]\n"


def test_demo(out: Any) -> None:
    target = {
        "label": "Hồ sơ trễ hạn",
        "value_text": "1,6 %",
        "threshold_text": "≤ 1 %",
        "state": "at_risk",
        "gap_text": "thừa 3 hồ sơ trễ hạn",
        "paragraph": "3",
        "deadline": "2023-12-31",
        "deadline_text": "còn 199 ngày",
        "owner": "Một cửa",
        "threshold_known": False,
        "threshold_note": "chưa rõ",
        "provenance": "assumed",
    }
    quality = [
        {"verdict": verdict, "files": 2, "rows_read": 10, "rows_quarantined": 1}
        for verdict in ("pass", "quarantine", "reject", "duplicate")
    ]
    document = {
        "score": SCORE, "explain": EXPLAIN, "targets": [target], "quality": quality, "other_sets": OTHER_SETS, "rejected": [REFUSED], "findings": [], "written": {"Điểm": "/tmp/diem.json"},
        "forecast": forecast_document(),
    }  # fmt: skip
    show.demo(document)
    text = out()
    for words in (
        "Chỉ số CCHC năm 2023",
        "theo người phụ trách",
        "81,50/100",
        "2/13",
        "3 người, tháng 06",
        "Khá: 2, chưa đủ",
        "H32-1",
        "1.040",
        "Dự báo tại ngày",
        "Nếu không có gì thay đổi, cuối năm 2023 xã Đại Lãnh",
        "Chỉ tiêu trong thông báo",
        "Có nguy cơ: thừa 3 hồ sơ trễ hạn",
        "hạn 31/12/2023 (còn 199 ngày)",
        "Ngưỡng giả định, chưa có văn bản: • Hồ sơ trễ hạn: chưa rõ",
        "Chất lượng tệp",
        "giữ dòng",
        "/tmp/diem.json",
        "--criterion III.3",
    ):
        assert words in " ".join(text.split()), words


def test_progress_is_silent_away_from_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for quiet in (True, False):
        with show.progress("Nạp tệp", quiet) as advance:
            advance("a.xlsx", 1, 2)
    said = capsys.readouterr()
    assert said.out == "" and "\x1b" not in said.err


def test_a_no_break_space_is_printed_and_an_escape_is_not() -> None:
    assert show.safe("1\u00a0%") == "1\u00a0%"
    assert "\x1b" not in show.safe("a\x1b[31mb")


def test_a_definition_other_than_the_prescribed_one_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show.scores(SCORE | {"definition": "ii06", "prescribed_definition": "qd766"})
    assert "quy định trễ hạn theo QĐ 766/QĐ-TTg (qd766); đang tính thử" in " ".join(capsys.readouterr().out.split())
    show.scores(SCORE | {"definition": "qd766", "prescribed_definition": "qd766"})
    assert "đang tính thử" not in capsys.readouterr().out


def test_nothing_is_cut_off_and_percent_stays_with_its_number(out: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in ("80", "110"):
        monkeypatch.setenv("COLUMNS", columns)
        label = "Tỷ lệ hồ sơ trực tuyến từ 25 % đến 30 % so với chỉ tiêu tối thiểu mà tỉnh giao cho xã trong năm 2023 là 30 %"
        table = show.new_table("Bảng", "Mã", "Nội dung", "Nội dung khác", ("Số", "right"))
        for n in range(20):
            table.add_row("một_mã_rất_dài_không_có_dấu_cách_nào_ở_trong", show.safe("x" * n + " " + label), show.safe(label), "1")
        show.console().print(table)
        text = out()
        assert "…" not in text and max(map(len, text.splitlines())) <= int(columns)
        assert text.count("%") == 120
        assert all(line.split("%")[0].rstrip(f"{NBSP}").strip()[-1:].isdigit() for line in text.splitlines() if "%" in line)


def test_the_set_that_scores_is_named_and_ranks_without_a_grade_are_provisional(out: Any) -> None:
    early = COMMUNE | {"grade": None, "grade_status": "insufficient_data", "max_scored": 14}
    target = {"name": "postal_min", "label": "Tỷ lệ bưu chính tối thiểu", "assumed": 0.05, "provenance": "assumed"}
    document = SCORE | {
        "criteria_label": "Chỉ số hài lòng (SIPAS)",
        "month": 6,
        "provenance": "reconstructed",
        "unknown_targets": [target],
    }
    show.scores(document | {"communes": [early]})
    text = out()
    assert "Chỉ số hài lòng (SIPAS): tháng 6/2023" in " ".join(text.split()) and "Chỉ số CCHC" not in text
    assert f"tối đa 14{NBSP}% số điểm): thứ hạng chỉ để theo dõi" in text
    assert "bản dựng lại · trễ hạn theo QĐ 766/QĐ-TTg (qd766)" in text and f"Tỷ lệ bưu chính tối thiểu 5{NBSP}%" in text
