"""What is said of alerts: every rule has its words, missing figures are said, titles are short, HTML says what the text says."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from criteria.alerts import KINDS, load_alert_rules
from messages import alert_mail, alert_words, alerts
from messages.fmt import NBSP

RULES = load_alert_rules()
AT = datetime(2023, 3, 10, 9, tzinfo=alert_words.ZONE)
FIGURES = {
    "share": (0.0125, 0.01), "state": (None, None), "working_days": (2, 1), "chance": (0.42, 0.5),
    "places": (2.4, 2), "points": (0.75, 0.5), "forms": (2, 2), "dossiers": (7, 5), "days": (9, 7), "none": (None, None),
}  # fmt: skip
SUBJECTS = {
    "commitment": "K4", "review_months": "2023-02", "survey_days": "", "lost_points": "III.3", "named_again": "khóa-của-người",
    "source_late": "one_stop", "file_rejected": "ab" * 32,
    "stuck": "work:chain",
}  # fmt: skip


def alert(rule: str = "overdue_rate", number: int = 12, **columns: Any) -> dict[str, Any]:
    known = RULES[rule]
    value, threshold = FIGURES[known.unit]
    return {
        "alert_id": number, "rule": rule, "unit_id": "22492", "name": "Xã Đại Lãnh", "subject": SUBJECTS.get(known.kind, ""),
        "state": "open", "severity": known.severity, "owner": known.owner, "breached_at": AT, "opened_at": AT, "resolved_at": None,
        "resolution": None, "acknowledged_at": None, "value": value, "threshold": threshold, "detail": {},
    } | columns  # fmt: skip


def over(row: dict[str, Any], **columns: Any) -> dict[str, Any]:
    return row | {"state": "resolved", "resolved_at": AT + timedelta(days=3), "resolution": "cleared"} | columns


def test_every_kind_of_rule_has_figures_here() -> None:
    assert {unit for unit, _, _ in KINDS.values()} == set(FIGURES)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_says_what_who_and_what_to_do(name: str) -> None:
    rule = RULES[name]
    title, text = alerts.opened(alert(name), rule, "http://may-chu:8420")
    assert len(title) <= alerts.LONGEST_TITLE and "Xã Đại Lãnh" in title
    assert alert_words.TODO[rule.todo].replace("SỐ", "12") in text and f"Người xử lý: {rule.owner}." in text
    assert text.endswith("http://may-chu:8420/#alert-12") and "10/03/2023 09:00" in text
    assert "khóa-của-người" not in title + text
    for said in (title, text, *alerts.resolved(over(alert(name)), rule), *alerts.digest([alert(name)], [], RULES, AT)):
        assert not re.search(r"None|nan|\{|\}|\.\.|: \.|,,|  ", said), said


@pytest.mark.parametrize("name", RULES)
def test_missing_figures_are_said_and_nothing_is_made_up(name: str) -> None:
    row = alert(name, value=None, threshold=None, owner="")
    for said in (
        *alerts.opened(row, RULES[name]),
        *alerts.resolved(over(row), RULES[name]),
        *alerts.digest([row], [row], RULES, AT),
    ):
        assert not re.search(r"None|nan|\{|\}|\.\.|: \.| 0 ", said), said
    if RULES[name].unit not in ("state", "none"):
        assert "chưa có số liệu" in alerts.opened(row, RULES[name])[1]


def test_figures_stand_beside_what_was_wanted() -> None:
    assert alert_words.figures(alert(detail={"numerator": 5, "denominator": 400}), RULES["overdue_rate"]) == (
        f"1,25{NBSP}% (5/400), yêu cầu dưới 1{NBSP}%"
    )
    assert alert_words.figures(alert("satisfaction", value=0.853, threshold=0.9), RULES["satisfaction"]) == (
        f"85,3{NBSP}%, yêu cầu từ 90{NBSP}% trở lên"
    )
    assert alert_words.figures(alert("good_grade_unlikely"), RULES["good_grade_unlikely"]) == f"42{NBSP}%, báo khi dưới 50{NBSP}%"
    assert alert_words.figures(alert("rank_drop"), RULES["rank_drop"]) == f"2,4{NBSP}bậc, báo khi từ 2{NBSP}bậc"
    assert alert_words.figures(alert("rank_drop", value=-1), RULES["rank_drop"]).startswith("không tụt, ")
    assert alert_words.figures(alert("good_grade_unlikely", value=0.496), RULES["good_grade_unlikely"]).startswith("49,6")
    assert alert_words.figures(alert("month_without_review"), RULES["month_without_review"]) == ""
    promised = alert("commitment_missed", detail={"said": "40 %", "wanted": "≥ 100 %"})
    assert alert_words.figures(promised, RULES["commitment_missed"]) == "40 %, yêu cầu ≥ 100 %"
    looser = alert(detail={"breached": ">"})  # of a notice that says "at most"
    assert alert_words.figures(looser, RULES["overdue_rate"]).endswith(f"yêu cầu không quá 1{NBSP}%")
    assert alert_words.figures(alert("source_late"), RULES["source_late"]) == f"9{NBSP}ngày, hạn 7{NBSP}ngày"


def test_assumed_thresholds_say_so_and_official_ones_do_not() -> None:
    assert "giả định" in alerts.opened(alert("postal_rate"), RULES["postal_rate"])[1]
    assert "giả định" not in alerts.opened(alert("overdue_rate"), RULES["overdue_rate"])[1]
    own = load_alert_rules({"overdue_rate": {"threshold": 0.02}})["overdue_rate"]
    assert "tự đặt" in alerts.opened(alert("overdue_rate"), own)[1]


def test_a_yardstick_that_is_no_duty_of_the_unit_is_told_as_one() -> None:
    note = "CHƯA RÕ chỉ tiêu; tạm dùng 5 %."
    row = alert(detail={"clause": "Khoản 3, Thông báo mẫu", "provenance": "assumed", "note": note, "borrowed": True})
    text = alerts.opened(row, RULES["overdue_rate"])[1]
    assert "Căn cứ: Khoản 3, Thông báo mẫu (không ràng buộc đơn vị này trong năm nay; lấy làm mốc chung)." in text
    assert "Lưu ý về mức cảnh báo: CHƯA RÕ chỉ tiêu" in text
    review = alert("month_without_review", detail={"borrowed": True})
    assert "không ràng buộc" in alerts.opened(review, RULES["month_without_review"])[1]


@pytest.mark.parametrize(("name", "detail", "said"), [
    ("day_without_forms", {"days": ["2023-03-07", "2023-03-09"]}, "Ngày thiếu phiếu: 07/03/2023, 09/03/2023."),
    ("rank_drop", {"rank": 5.4, "rank_before": 3.0, "since": "2023-03-03T01:00:00+07:00"}, "Thứ hạng dự kiến: 5,4, trước là 3 (dự báo ngày 03/03/2023)."),
    ("criterion_losing", {"label": "Hồ sơ đúng hạn"}, "Tiêu chí: Hồ sơ đúng hạn."),
    ("commitment_missed", {"gap": "thiếu 1 tháng"}, "Cụ thể: thiếu 1 tháng."),
    ("official_named_again", {"months": ["2023-02", "2023-03"]}, "Tháng có phản ánh: 02/2023, 03/2023."),
    ("file_rejected", {"received": "2023-03-10T01:05:00+00:00"}, "nhận lúc 10/03/2023 08:05"),
    ("night_missed", {"nights": ["2023-03-09"]}, "Chuỗi việc ban đêm không chạy: 09/03/2023"),
    ("night_missed", {"nights": ["2023-03-07", "2023-03-08", "2023-03-09"]}, "không chạy: 3 đêm, từ 07/03/2023 đến 09/03/2023"),
    ("work_stuck", {"code": "disk_full"}, "Phần mềm không làm được việc: nạp tệp và chấm điểm"),
    ("work_stuck", {"code": "disk_full"}, "Nguyên nhân: hết chỗ trên đĩa."),
])  # fmt: skip
def test_what_else_is_known_is_in_mail_and_digest(name: str, detail: dict[str, Any], said: str) -> None:
    row = alert(name, detail=detail)
    assert said in alerts.opened(row, RULES[name])[1] and said in alerts.digest([row], [], RULES, AT)[1]


def test_a_digest_says_clause_what_is_assumed_and_what_to_do_of_each_new_one() -> None:
    (entry,) = (line for line in alerts.digest([alert("postal_rate")], [], RULES, AT)[1].split("\n") if line.startswith("• "))
    assert "Căn cứ: Khoản 4, Thông báo tháng 3/2023 của xã Đại Lãnh. Mức cảnh báo là giả định." in entry
    assert entry.endswith(
        "Bộ phận Tiếp nhận và Trả kết quả: giới thiệu dịch vụ bưu chính công ích khi tiếp nhận và khi hẹn trả kết quả."
    )


def test_an_end_says_what_ended_it() -> None:
    assert "đã trở lại mức cho phép" in alerts.resolved(over(alert()), RULES["overdue_rate"])[1]
    review = over(alert("month_without_review"))
    assert "Đã có kết quả đánh giá của tháng này." in alerts.resolved(review, RULES["month_without_review"])[1]
    ended = over(alert("criterion_losing"), resolution="year_over")
    assert "Năm xét đã kết thúc." in alerts.resolved(ended, RULES["criterion_losing"])[1]


def test_the_clause_is_the_notices_own_where_one_binds_the_unit() -> None:
    assert "Căn cứ: Khoản 3, Thông báo tháng 3/2023 của xã Đại Lãnh." in alerts.opened(alert(), RULES["overdue_rate"])[1]
    row = alert(detail={"clause": "Khoản 9, Thông báo mẫu"})
    assert "Căn cứ: Khoản 9, Thông báo mẫu." in alerts.opened(row, RULES["overdue_rate"])[1]
    assert "Căn cứ" not in alerts.opened(alert("rank_drop"), RULES["rank_drop"])[1]


def test_long_lists_of_dossiers_say_how_many_more() -> None:
    codes = [f"H32.22492-{n:04d}" for n in range(20)]
    text = alerts.opened(alert(detail={"dossiers": codes, "dossier_count": 57}), RULES["overdue_rate"])[1]
    assert "Hồ sơ (57)" in text and all(code in text for code in codes) and "• … và 37 hồ sơ khác" in text
    digest = alerts.digest([alert(detail={"dossiers": codes, "dossier_count": 57})], [], RULES, AT)[1]
    assert "H32.22492-0004 và 52 hồ sơ khác." in digest and "H32.22492-0005" not in digest


def test_a_rule_that_is_no_longer_known_is_named() -> None:
    row = alert() | {"rule": "luat_cu"}
    assert alerts.opened(row, None)[0] == "[Khẩn] Xã Đại Lãnh – luat_cu" and "luat_cu" in alerts.digest([row], [], RULES, AT)[1]


def test_a_long_title_is_cut_with_a_mark() -> None:
    title, text = alerts.opened(alert(name="Thị trấn " + "Rất Dài " * 9), RULES["overdue_rate"])
    assert len(title) == alerts.LONGEST_TITLE and title.endswith("…") and "Tỷ lệ hồ sơ trễ hạn vượt mức" in text


def test_a_digest_of_very_many_stays_readable() -> None:
    rows = [alert(number=n) for n in range(100)]
    text = alerts.digest(rows, rows, RULES, AT)[1]
    assert "Mới (100)" in text and text.count("• … và 60 cảnh báo khác.") == 2


def test_the_gravest_come_first_then_what_costs_most_then_the_oldest() -> None:
    rows = [
        alert("postal_rate", 1), alert("satisfaction", 2), alert("satisfaction", 3, detail={"points": 1.5}),
        alert("satisfaction", 4, opened_at=AT - timedelta(days=1)), alert("overdue_rate", 5),
    ]  # fmt: skip
    assert [row["alert_id"] for row in alerts.grave_first(rows)] == [5, 3, 4, 2, 1]


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "title" not in self.open:
            self.words += data.split()


@pytest.mark.parametrize("name", RULES)
def test_html_says_the_words_of_the_text(name: str) -> None:
    row = alert(name, detail={"dossiers": ["<b>&1", "H32-2"]})
    for title, text in (alerts.opened(row, RULES[name], "http://a/?b=1&c=2"), alerts.digest([row], [over(row)], RULES, AT)):
        page = _Text()
        page.feed(alert_mail.html(title, text))
        assert page.open == []
        assert "".join(page.words) == "".join(text.replace("• ", " ").split())


def test_html_has_one_link_and_nothing_is_fetched() -> None:
    page = alert_mail.html(*alerts.opened(alert(), RULES["overdue_rate"], "http://may-chu:8420"))
    assert re.findall(r'href="([^"]*)"', page) == ["http://may-chu:8420/#alert-12"]
    assert not re.search(r"<(img|script|link|iframe)|src=|url\(", page)
