"""Checks of a set's head, set.yaml: what is scored, on which scale, how it is graded, ranked and sampled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from criteria.lint_shared import (
    Context,
    Problem,
    check_source,
    check_versions,
    is_number,
    points_text,
    section_days,
    section_points,
)
from criteria.yaml_lines import Located

_HUNDREDTHS: Final = 100
REQUIRED: Final = (
    "name label label_en subject level total in_force_from provenance sections rounding bonus ranking grading grade_bands"
).split()
OPTIONAL: Final = "source warning definitions sample appraisers".split()
# What each choice may be. The engine knows no other.
CHOICES: Final[dict[tuple[str, ...], tuple[str, ...]]] = {
    ("subject",): ("commune", "official"),
    ("level",): ("commune", "district", "province"),
    ("rounding", "at"): ("criterion",),
    ("rounding", "mode"): ("half_up",),
    ("ranking", "method"): ("competition",),
    ("ranking", "basis"): ("total", "share"),
    ("ranking", "within"): ("all", "commune"),
    ("grading", "basis"): ("share",),
}
DEFAULTS: Final[dict[tuple[str, ...], Any]] = {("ranking", "within"): "all", ("grading", "scale"): 100}
SAMPLE_MEASURES: Final = ("forms", "population")
MOST_DECIMALS: Final = 4


def check_head(f: Located, context: Context) -> Iterator[Problem]:
    """Every problem of a set's head."""
    head, name = f.data, str(f.data.get("name"))
    for key in REQUIRED:
        if key not in head:
            yield Problem(f.file, 1, name, f"thiếu mục {key}", "Bổ sung theo bộ mẫu")
    for key in head:
        if key not in REQUIRED and key not in OPTIONAL:
            yield Problem(f.file, f.line(key), name, f"mục «{key}» không có nghĩa", "Xóa hoặc sửa chính tả")
    if name != f.file.parent.name:
        yield Problem(f.file, f.line("name"), name, f"name khác tên thư mục «{f.file.parent.name}»", "Đặt trùng nhau")
    yield from check_source(f, (), head, name, context)
    yield from _check_choices(f, name)
    yield from _check_figures(f, name)
    yield from _check_definitions(f, name, context)
    if "sample" in head:
        yield from _check_sample(f, context)
    tables = head.get("grade_bands") or []
    yield from check_versions(f, ("grade_bands",), tables, "grade_bands")
    for k, table in enumerate(tables):
        yield from check_source(f, ("grade_bands", k), table, "grade_bands", context)
        yield from _check_bands(f, k, table.get("bands") or [], _at(head, ("grading", "scale")))
    yield from _check_sections(f, name)
    if "in_force_from" in head and not isinstance(head["in_force_from"], date):
        what = f"in_force_from «{head['in_force_from']}» không phải ngày"
        yield Problem(f.file, f.line("in_force_from"), name, what, "Ghi dạng YYYY-MM-DD")
    if head.get("appraisers"):
        yield from _check_appraisers(f, context)


def _check_appraisers(f: Located, context: Context) -> Iterator[Problem]:
    appraisers = f.data["appraisers"]
    yield from check_versions(f, ("appraisers",), appraisers, "appraisers")
    for k, entry in enumerate(appraisers):
        path = ("appraisers", k)
        # Who appraises is a name, no figure: it has a clause and no provenance.
        yield from check_source(f, path, {**entry, "provenance": "assumed"}, "appraisers", context)
        if not entry.get("name"):
            yield Problem(f.file, f.line(*path), "appraisers", "thiếu name", "Ghi tên cơ quan thẩm định")


def _at(head: Any, path: tuple[str, ...]) -> Any:
    """The entry at a path of keys, its default, or None."""
    for key in path:
        head = head.get(key) if isinstance(head, dict) else None
    return DEFAULTS.get(path) if head is None else head


def _check_choices(f: Located, name: str) -> Iterator[Problem]:
    for path, allowed in CHOICES.items():
        value = _at(f.data, path)
        if path[0] in f.data and value not in allowed:
            what = f"{'.'.join(path)} «{value}» không hợp lệ"
            yield Problem(f.file, f.line(*path), name, what, f"Chọn {', '.join(allowed)}")
    if _at(f.data, ("ranking", "within")) == "commune" and f.data.get("subject") == "commune":
        what = "xếp hạng within: commune chỉ dùng khi chấm công chức"
        yield Problem(f.file, f.line("ranking", "within"), name, what, "Dùng within: all")


def _check_figures(f: Located, name: str) -> Iterator[Problem]:
    head = f.data
    total, scale, least = head.get("total"), _at(head, ("grading", "scale")), _at(head, ("grading", "min_scored_share"))
    decimals, limit = _at(head, ("rounding", "decimals")), _at(head, ("bonus", "limit"))
    checks = [
        (is_number(total) and total > 0, ("total",), f"total «{total}» phải là số dương"),
        (is_number(scale) and scale > 0, ("grading", "scale"), f"grading.scale «{scale}» phải là số dương"),
        (
            is_number(least) and 0 <= least <= 1,
            ("grading", "min_scored_share"),
            f"grading.min_scored_share «{least}» phải trong khoảng 0–1",
        ),
        (
            is_number(decimals) and decimals in range(MOST_DECIMALS + 1),
            ("rounding", "decimals"),
            f"rounding.decimals «{decimals}» phải là số nguyên 0–{MOST_DECIMALS}",
        ),
        (is_number(limit) and limit >= 0, ("bonus", "limit"), f"bonus.limit «{limit}» phải là số không âm"),
    ]
    for good, path, what in checks:
        if not good and path[0] in head:
            yield Problem(f.file, f.line(*path), name, what, "Sửa con số")


def _check_definitions(f: Located, name: str, context: Context) -> Iterator[Problem]:
    for thing, chosen in (f.data.get("definitions") or {}).items():
        known = (context.definitions.get(thing) or {}).get("definitions") or {}
        if chosen not in known:
            names = ", ".join(known) or "không có định nghĩa nào"
            what = f"định nghĩa «{chosen}» của {thing} không có trong definitions.yaml"
            yield Problem(f.file, f.line("definitions", thing), name, what, f"Chọn: {names}")


def _check_sample(f: Located, context: Context) -> Iterator[Problem]:
    sample = f.data["sample"]
    yield from check_source(f, ("sample",), sample, "sample", context)
    for key in SAMPLE_MEASURES:
        measure = context.measures.get(sample.get(key))
        if not isinstance(measure, dict) or measure.get("unit") != "count":
            what = f"{key} «{sample.get(key)}» không phải một số đếm trong measures.yaml"
            yield Problem(f.file, f.line("sample", key), "sample", what, "Chọn số đo có unit: count")
    error = sample.get("error")
    if not is_number(error) or not 0 < error < 1:
        what = f"error «{error}» phải lớn hơn 0 và nhỏ hơn 1"
        yield Problem(f.file, f.line("sample", "error"), "sample", what, "Ghi dạng 0.05 = 5 %")


def _check_sections(f: Located, name: str) -> Iterator[Problem]:
    sections, total = f.data.get("sections") or {}, f.data.get("total")
    for code in sections:
        if not isinstance(code, str):
            what = "mã mục bị đọc thành số"
            yield Problem(f.file, f.line("sections", code), f"Mục {code}", what, f'Đặt trong ngoặc kép: "{code}"')
    for code, entry in sections.items():
        lacking = [key for key in ("label", "max_points") if not isinstance(entry, dict) or key not in entry]
        if lacking:
            yield Problem(f.file, f.line("sections", code), f"Mục {code}", f"thiếu {', '.join(lacking)}", "Bổ sung")
            return
    for code, entry in sections.items():
        given = entry["max_points"]
        dated = isinstance(given, list) and bool(given) and all(
            isinstance(v, dict) and set(v) == {"in_force_from", "value"} and is_number(v["value"]) for v in given
        )  # fmt: skip
        if not (is_number(given) or dated):
            what = f"max_points «{given}» phải là một số, hoặc danh sách {{in_force_from, value}}"
            yield Problem(f.file, f.line("sections", code, "max_points"), f"Mục {code}", what, "Ghi một số, ví dụ 28")
            return
        if dated:
            faults = list(check_versions(f, ("sections", code, "max_points"), given, f"Mục {code}"))
            yield from faults
            if faults:
                return
    for day in sorted(section_days(sections)) or [""]:
        whole = sum(section_points(entry, day) or 0.0 for entry in sections.values())
        if is_number(total) and round(whole * _HUNDREDTHS) != round(total * _HUNDREDTHS):
            since = f"từ {day} " if day else ""
            what = f"{since}các mục cộng lại {points_text(whole)} điểm, khác tổng {points_text(total)}"
            yield Problem(f.file, f.line("sections"), name, what, "Sửa max_points của mục")
            return


def _check_bands(f: Located, table: int, bands: list[Any], scale: Any) -> Iterator[Problem]:
    """Best first; each band starts where the one above it ends; open at both ends; within the grading scale."""
    path: tuple[Any, ...] = ("grade_bands", table, "bands")
    if not bands:
        yield Problem(f.file, f.line(*path), "grade_bands", "không có mức xếp loại nào", "Bổ sung bands")
        return
    if bands[0].get("below") is not None:
        yield Problem(f.file, f.line(*path, 0), "grade_bands", "mức cao nhất phải có below: null", "Bỏ cận trên")
    if bands[-1].get("from") is not None:
        yield Problem(
            f.file,
            f.line(*path, len(bands) - 1),
            "grade_bands",
            "mức thấp nhất phải có from: null",
            "Bỏ cận dưới",
        )
    for k in range(1, len(bands)):
        upper, lower = bands[k - 1], bands[k]
        if lower.get("below") != upper.get("from"):
            what = (
                f"mức «{lower.get('grade')}» dưới {points_text(lower.get('below'))} nhưng "
                f"mức «{upper.get('grade')}» từ {points_text(upper.get('from'))}: có khoảng hở hoặc chồng nhau"
            )
            yield Problem(f.file, f.line(*path, k), "grade_bands", what, "Cho hai ngưỡng bằng nhau")
    for k, band in enumerate(bands):
        if band.get("grade") in [b.get("grade") for b in bands[:k]]:
            what = f"mức «{band.get('grade')}» viết hai lần"
            yield Problem(f.file, f.line(*path, k), "grade_bands", what, "Đặt mỗi mức một tên")
        low, high = band.get("from"), band.get("below")
        if low is not None and high is not None and low >= high:
            yield Problem(f.file, f.line(*path, k), "grade_bands", f"mức «{band.get('grade')}» rỗng", "Đặt from < below")
        if is_number(low) and is_number(scale) and low > scale:
            what = f"mức «{band.get('grade')}» từ {points_text(low)}, vượt thang {points_text(scale)}"
            yield Problem(f.file, f.line(*path, k), "grade_bands", what, "Sửa ngưỡng hoặc grading.scale")
