"""Data Docs in Vietnamese, from stored validation results, readable without a network.

Every page of a file is rendered by Great Expectations (its validation renderer and its section view); this
module words it in Vietnamese, puts the failing checks first with their remedy, and wraps it in a page that
loads nothing from elsewhere: no script, no remote style. The index is a plain table of the last files. A file
is shown by source, unit, time of receipt and the start of its sha256, because a file name may hold a person's
name.
"""

from __future__ import annotations

import functools
import hashlib
import html
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from sources import quality_store
from sources.quality_store import Stored
from sources.quality_text import GATE_FIX, SEVERITY, STATUS, moment, number, remedy, safe

__all__ = ["build"]

_STYLE: Final = Path(__file__).with_name("quality.css").read_text(encoding="utf-8")
#: Changes whenever the wording or the look does, so that pages already built are built again.
_EDITION: Final = hashlib.sha256(
    b"".join(Path(__file__).with_name(name).read_bytes() for name in ("quality_docs.py", "quality_text.py", "quality.css"))
).hexdigest()[:12]
#: Great Expectations' own sentence about the rows that fail.
_FOUND: Final = "$unexpected_count unexpected values found. $unexpected_percent of $element_count total rows."
_WORDS: Final = {
    "Evaluated Expectations": "Số quy tắc đã kiểm tra",
    "Successful Expectations": "Số quy tắc đạt",
    "Unsuccessful Expectations": "Số quy tắc không đạt",
    "Success Percent": "Tỷ lệ quy tắc đạt",
    "Great Expectations Version": "Phiên bản Great Expectations",
    _FOUND: "$unexpected_count dòng không đạt, chiếm $unexpected_percent trong $element_count dòng.",
}
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_WHOLE_TABLE: Final = "Table-Level Expectations"
_UNEXPECTED: Final = re.compile(r"(≈?)([\d.,]+)% unexpected")
_PERCENT: Final = re.compile(r"(≈?)([\d.]+)%")


def build(store: Path, docs_dir: Path, keep: int) -> Path:
    """Bring the pages up to date with the last `keep` results and return the path of index.html.

    Pages whose result and edition have not changed are left alone. One process builds at a time; readers
    always see whole pages.
    """
    with quality_store.locked(store):
        results = quality_store.load_latest(store, keep)
        pages = docs_dir / "validations"
        pages.mkdir(parents=True, exist_ok=True)
        for item in results:
            path = pages / f"{item.id}.html"
            mark = f"<!-- {_EDITION} {hashlib.sha256(item.raw).hexdigest()[:16]} -->\n".encode()
            if not _starts_with(path, mark):
                quality_store.write_atomic(path, mark + _validation_page(item).encode())
        wanted = {f"{item.id}.html" for item in results}
        for path in pages.glob("*.html"):
            if path.name not in wanted:
                path.unlink(missing_ok=True)
        quality_store.sweep(pages)
        quality_store.sweep(docs_dir)
        index = docs_dir / "index.html"
        quality_store.write_atomic(index, _index_page([item.summary for item in results]).encode())
    return index


def _starts_with(path: Path, mark: bytes) -> bool:
    try:
        with open(path, "rb") as handle:
            return handle.read(len(mark)) == mark
    except OSError:
        return False


def _shell(title: str, body: str) -> str:
    """Return a whole page; its policy lets the browser load nothing but the style inside it."""
    return (
        '<!DOCTYPE html>\n<html lang="vi"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def _badge(status: str) -> str:
    return f'<span class="badge-status {html.escape(status)}">{html.escape(STATUS.get(status, status))}</span>'


def _file_name(summary: Mapping[str, Any]) -> str:
    return html.escape(str(summary["sha256"])[:12])


# --- the index ----------------------------------------------------------------------------------------------


def _index_page(files: list[dict[str, Any]]) -> str:
    """Return the index: counts, then the files that need somebody, then the others."""
    groups = {status: [item for item in files if item["status"] == status] for status in STATUS}
    cards = "".join(
        f'<div class="card-count {status[0]}"><b>{len(groups[status])}</b>{html.escape(label)}</div>'
        for status, label in STATUS.items()
    )
    urgent = groups["reject"] + groups["quarantine"]
    body = (
        "<h1>Kết quả kiểm tra chất lượng dữ liệu</h1>"
        f'<p class="soft">{len(files)} tệp được kiểm tra gần đây nhất. Trang này không chứa dữ liệu cá nhân; '
        "mỗi tệp được gọi bằng 12 ký tự đầu của mã sha256.</p>"
        f'<div class="cards">{cards}</div>'
    )
    if urgent:
        body += f"<h2>Cần xử lý ({len(urgent)})</h2>{_index_table(urgent, problems=True)}"
    elif files:
        body += "<p>Không có tệp nào cần xử lý.</p>"
    if groups["pass"]:
        is_open = "" if urgent else " open"
        body += f"<details{is_open}><summary>Đạt ({len(groups['pass'])})</summary>"
        body += f"{_index_table(groups['pass'], problems=False)}</details>"
    body += (
        "<footer>Bị trả lại: không dòng nào được nạp. Có dòng bị giữ lại: các dòng khác đã được nạp; "
        "sửa ở phần mềm nguồn rồi nộp lại tệp, dòng đúng sẽ tự thay dòng bị giữ lại. Kết luận do Great "
        "Expectations đưa ra từ các quy tắc trong hợp đồng dữ liệu.</footer>"
    )
    return _shell("Kết quả kiểm tra chất lượng dữ liệu", body)


def _index_table(files: list[dict[str, Any]], *, problems: bool) -> str:
    head = '<th>Nhận lúc</th><th>Tệp</th><th>Kết luận</th><th class="n">Số dòng</th>'
    head += '<th class="n">Dòng lỗi</th><th>Lỗi và cách sửa</th>' if problems else "<th>Cảnh báo</th>"
    rows = "".join(_index_row(item, problems) for item in files)
    return f'<table class="files"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _index_row(item: Mapping[str, Any], problems: bool) -> str:
    unit = f"<br>{html.escape(safe(item['unit_name']))}" if item.get("unit_name") else ""
    failing = [check for check in item["failed"]]
    if not problems:
        failing = [check for check in failing if check["severity"] == "warn"]
    shown = "".join(
        f"<li>{html.escape(check['label'])}: {number(check['failed'])} dòng"
        + (f'<br><span class="soft">{html.escape(remedy(check["rule"]))}</span>' if problems else "")
        + "</li>"
        for check in failing[:5]
    )
    if len(failing) > 5:
        shown += f"<li>và {len(failing) - 5} quy tắc khác (xem trang chi tiết)</li>"
    why = f"<p>{html.escape(item['message'])}</p>" if item["status"] == "reject" else ""
    listed = f"<ul>{shown}</ul>" if shown else ""
    held = f'<td class="n">{number(item["quarantined"])}</td>' if problems else ""
    return (
        f"<tr><td>{moment(item['received_at'])}</td>"
        f'<td><a href="validations/{html.escape(item["validation_id"])}.html">'
        f"{html.escape(item['suite'])}</a>"
        f"{unit}"
        f'<br><code class="soft">{_file_name(item)}</code></td><td>{_badge(item["status"])}</td>'
        f'<td class="n">{number(item["rows"])}</td>{held}<td>{why}{listed}</td></tr>'
    )


# --- the page of one file -----------------------------------------------------------------------------------


@functools.cache
def _great_expectations() -> tuple[Any, Any, Any]:
    """Return the result schema, the page renderer and one section view (it keeps its compiled templates)."""
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResultSchema
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaSectionView

    return (
        ExpectationSuiteValidationResultSchema(),
        ValidationResultsPageRenderer(run_info_at_end=True),
        DefaultJinjaSectionView(),
    )


def _validation_page(item: Stored) -> str:
    """Return the page of one file: what happened, then Great Expectations' sections in Vietnamese."""
    schema, renderer, view = _great_expectations()
    result = schema.load(item.validation)
    metas = {}
    for outcome in result.results:
        config = outcome.expectation_config
        column = config.kwargs.get("column", _WHOLE_TABLE)
        metas[column, config.description] = config.meta | {"met": bool(outcome.success)}
    document = renderer.render(result).to_json_dict()
    sections = list(_sections(document["sections"], metas))
    body = "".join(
        view.render({"section": section, "section_loop": {"index": index}}) for index, section in enumerate(sections, 1)
    )
    summary = item.summary
    facts = [
        ("Nhận lúc", moment(summary["received_at"])),
        ("Đơn vị", safe(summary["unit_name"]) if summary.get("unit_name") else None),
        ("Hợp đồng dữ liệu", summary["contract"]),
        ("Mã tệp (sha256)", str(summary["sha256"])[:12]),
        ("Số dòng đã đọc", number(summary["rows"])),
        (
            "Số dòng có lỗi" if summary["status"] == "reject" else "Số dòng giữ lại",
            number(summary["quarantined"]),
        ),
    ]
    table = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in facts if value)
    head = (
        '<p><a href="../index.html">← Tất cả tệp</a></p>'
        f"<h1>{html.escape(summary['suite'])} {_badge(summary['status'])}</h1>"
        f'<p class="message m-{html.escape(summary["status"])}">{html.escape(summary["message"])}</p>'
        f'<div class="ge-section"><table class="facts">{table}</table></div>'
    )
    foot = (
        "<footer>Trang do Great Expectations dựng từ kết quả kiểm tra đã lưu; chỉ có số đếm, "
        "không có dữ liệu của dòng nào.</footer>"
    )
    return _shell(f"{summary['suite']} – {STATUS[summary['status']]}", head + body + foot)


def _sections(sections: Iterable[dict[str, Any]], metas: Mapping[tuple[str, str], Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """Regroup Great Expectations' sections: checks that failed, checks on the whole file, checks met, the
    run.
    """
    failed, whole, met, statistics, run = [], [], [], [], []
    for section in sections:
        tables = [block for block in section["content_blocks"] if block["content_block_type"] == "table"]
        if section["section_name"] == "Overview":
            statistics = [row for block in tables for row in block["table"]]
        elif section["section_name"] == "Run Info":
            run = [row for block in tables for row in block["table"] if "Version" in str(row[0])]
        else:
            for icon, text, observed in (row for block in tables for row in block["table"]):
                meta = metas[section["section_name"], _first_text(text)]
                if "id" not in meta:
                    whole.append(
                        [
                            icon,
                            _literal(text),
                            _observed(observed, meta),
                            GATE_FIX.get(meta["rule"], "") if not meta["met"] else "",
                        ]
                    )
                elif meta["met"]:
                    met.append([icon, SEVERITY[meta["severity"]], _literal(text)])
                else:
                    failed.append((meta, [icon, SEVERITY[meta["severity"]], _literal(text), remedy(meta["rule"])]))
    order = list(SEVERITY)
    failed.sort(key=lambda pair: order.index(pair[0]["severity"]))
    heads = ["Kết quả", "Nếu sai thì", "Quy tắc", "Cách sửa"]
    if failed:
        yield _section("Quy tắc không đạt", heads, [row for _, row in failed])
    yield _section("Điều kiện của cả tệp", ["Kết quả", "Điều kiện", "Thực tế", "Cách sửa"], whole)
    if met:
        yield _section("Quy tắc đạt", heads[:3], met)
    yield _section("Về lần kiểm tra này", None, [[_words(cell) for cell in row] for row in statistics + run])


def _section(title: str, head: list[str] | None, rows: list[list[Any]]) -> dict[str, Any]:
    """Return a section in Great Expectations' document form, with one table."""
    table: dict[str, Any] = {
        "content_block_type": "table",
        "table": rows,
        "header": {
            "content_block_type": "string_template",
            "string_template": {"template": title, "tag": "h2"},
        },
    }
    if head:
        table["header_row"] = head
    else:
        table["styling"] = {"body": {"classes": ["facts"]}}
    return {"section_name": title, "content_blocks": [table]}


def _first_text(cell: Any) -> str:
    """Return the description in an expectation's cell (the first template of the cell)."""
    block = cell[0] if isinstance(cell, list) else cell
    return str(block["string_template"]["template"])


def _literal(cell: Any) -> Any:
    """Return an expectation's cell with the description as a parameter, which the view escapes, and in
    Vietnamese.
    """
    if isinstance(cell, list):
        return [_literal(block) for block in cell]
    template = cell["string_template"]
    text = template["template"]
    if "params" not in template:
        return {
            "content_block_type": "string_template",
            "string_template": {"template": "$text", "params": {"text": text}},
        }
    params = {key: _words(value) for key, value in template["params"].items()}
    plain = text.replace("<br>", "").replace("\n", "").strip()
    return {
        "content_block_type": "string_template",
        "string_template": {
            "template": "\n" + _WORDS.get(plain, plain),
            "params": params,
            "styling": {"classes": ["text-danger"]},
        },
    }


def _observed(value: Any, meta: Mapping[str, Any]) -> str:
    """Return what was found for a condition on the whole file."""
    if meta["rule"] == "columns":
        return "Đủ" if meta["met"] else "Thiếu"
    if meta["rule"] in ("rows", "min_rows"):
        return f"{_words(value)} dòng"
    return _words(value)


def _words(value: Any) -> str:
    """Return a cell's text in Vietnamese, escaped for the page."""
    text = str(value)
    if text in _WORDS:
        return _WORDS[text]
    if match := _UNEXPECTED.fullmatch(text):
        return f"{match[1]}{match[2].replace('.', ',')} % số dòng không đạt"
    if match := _PERCENT.fullmatch(text):
        return f"{match[1]}{match[2].replace('.', ',')} %"
    if text.isdigit():
        return number(int(text))
    return html.escape(text, quote=False)
