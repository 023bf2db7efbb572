"""`python -m criteria.schema [--check]`: writes criteria/schema/<kind>.schema.json, for editors; --check only compares.

The schemas say what belongs where and which words are allowed, from the same vocabulary as the lint. What needs more than one
place to judge (sums, dates in order, names that must exist, official without a text) is the lint's business alone.
Descriptions are Vietnamese: an editor shows them to the official who writes the file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Final

from criteria import alerts, lint_criteria, lint_head
from criteria.loader import ROOT
from criteria.model import DECLARED_KINDS, DIRECTIONS, KINDS, NO_DATA, PROVENANCES, RECOVERS, ZERO_DENOMINATOR
from criteria.registers import COMMITMENT_KINDS, PACES, Commitment
from criteria.rule_specs import OPERATORS, RULE_SPECS, Param

FOLDER: Final = ROOT / "schema"
Schema = dict[str, Any]
_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


def _text(description: str = "", **more: Any) -> Schema:
    return {"type": "string", "minLength": 1, **({"description": description} if description else {}), **more}


def _optional(description: str = "") -> Schema:
    return {"type": ["string", "null"], **({"description": description} if description else {})}


def _choice(allowed: Sequence[Any], description: str = "") -> Schema:
    return {"enum": list(allowed), **({"description": description} if description else {})}


def _number(description: str = "", **limits: Any) -> Schema:
    return {"type": "number", **limits, **({"description": description} if description else {})}


def _closed(properties: Mapping[str, Schema], required: Sequence[str], **more: Any) -> Schema:
    """An object with these keys and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def _entries(schema: Schema, **more: Any) -> Schema:
    """An object whose every entry follows `schema`."""
    return {"type": "object", "additionalProperties": schema, **more}


_DAY: Final = _text("Ngày, viết năm-tháng-ngày.", format="date", pattern=r"^\d{4}-\d{2}-\d{2}$")
_PROVENANCE: Final = _choice(PROVENANCES, "official: chép đúng văn bản đã thấy; reconstructed: dựng lại; assumed: giả định.")
_SOURCE: Final = _closed(
    {"instrument": _text("Mã văn bản trong instruments.yaml."), "clause": _text("Điều, khoản, điểm, phụ lục.")},
    ["instrument", "clause"],
    description="Căn cứ của con số.",
)
_TARGET: Final = _closed({"target": _text("Tên chỉ tiêu trong targets.yaml.")}, ["target"])


def _or_target(schema: Schema) -> Schema:
    return {"anyOf": [schema, _TARGET]}


def _step(edge: str) -> Schema:
    step = _closed({edge: _number("Ngưỡng của bậc."), "points": _number("Điểm của bậc.")}, [edge, "points"])
    return {"type": "array", "minItems": 1, "items": step}


_SHARE: Final = _number(minimum=0, maximum=1)
_CONDITION: Final = _closed(
    {"input": _text(), "op": _choice(OPERATORS), "value": _or_target(_number())}, ["input", "op", "value"]
)
_PARAMS: Final[Mapping[str, Schema]] = {
    "number": _or_target(_number()),
    "positive": _or_target(_number(exclusiveMinimum=0)),
    "share": _or_target(_SHARE),
    "sign": _choice((1, -1)),
    "shares": {"type": "array", "minItems": 1, "items": _SHARE},
    "steps_from": _step("from"),
    "steps_upto": _step("upto"),
    "levels": {
        "type": "array",
        "minItems": 1,
        "items": _closed({"points": _number(), "all": {"type": "array", "minItems": 1, "items": _CONDITION}}, ["points", "all"]),
    },
}


def _family(spec: Mapping[str, Param]) -> Schema:
    required = [name for name, param in spec.items() if param.required]
    found = _closed({name: _PARAMS[param.kind] for name, param in spec.items()}, required)
    return found if required else {**found, "type": ["object", "null"]}


def _rule() -> Schema:
    families = {name: _family(spec) for name, spec in RULE_SPECS.items()}
    one = _closed(families, [], minProperties=1, maxProperties=1, description="Cách tính: {tên: {tham số}}.")
    return {**one, "type": ["object", "null"]}


def _version() -> Schema:
    known: dict[str, Schema] = {
        "in_force_from": _DAY,
        "max_points": {
            "type": ["number", "null"],
            "exclusiveMinimum": 0,
            "description": "Điểm tối đa; null cùng rule: null là bãi bỏ.",
        },
        "rule": _rule(),
        "source": _SOURCE,
        "provenance": _PROVENANCE,
    }
    return _closed({name: known[name] for name in lint_criteria.VERSION_FIELDS}, lint_criteria.VERSION_FIELDS)


def _criterion() -> Schema:
    known: dict[str, Schema] = {
        "label": _text("Tên tiêu chí."),
        "unit": _text("Đơn vị của giá trị; số đo dạng tỷ lệ ghi share."),
        "direction": _choice(DIRECTIONS, "higher: càng cao càng tốt; lower: càng thấp càng tốt."),
        "no_data": _choice(NO_DATA, "Không có số liệu thì: no_data (ghi thiếu) hoặc not_applicable (không áp dụng)."),
        "owner": _text("Người, bộ phận phụ trách."),
        "versions": {"type": "array", "minItems": 1, "items": _version(), "description": "Các phiên bản, ngày tăng dần."},
        "kind": _choice(KINDS, "base: trong thang điểm; bonus, penalty: điểm thưởng, điểm trừ ngoài thang."),
        "measure": _text("Tên số đo trong measures.yaml."),
        "declared": _choice(DECLARED_KINDS, "Xã tự kê khai: có/không, tỷ lệ, số lượng, số ngày, mức."),
        "inputs": _entries(_text("Tên số đo."), minProperties=1, description="Nhiều số đo cùng lúc (compound_steps)."),
        "zero_denominator": _choice(ZERO_DENOMINATOR, "Khi không phát sinh trường hợp nào."),
        "out_of": _number("Chia số đếm cho số này để ra tỷ lệ.", exclusiveMinimum=0),
        "levels": {"type": "array", "minItems": 1, "items": _text(), "description": "Tên các mức, từ mức 0."},
        "measure_args": {"type": "object", "description": "Tham số riêng của số đo, như programme."},
    }
    names = [*lint_criteria.REQUIRED, *lint_criteria.OPTIONAL]
    has = {name: {"required": [name]} for name in ("measure", "declared", "inputs", "levels")}
    return _closed(
        {name: known[name] for name in names},
        lint_criteria.REQUIRED,
        anyOf=[has["measure"], has["declared"], has["inputs"]],
        allOf=[
            {"not": {"required": ["measure", "declared"]}},
            {"not": {"required": ["measure", "inputs"]}},
            {"if": {"properties": {"declared": {"const": "level"}}, "required": ["declared"]}, "then": has["levels"]},
        ],
    )


def _choose(*path: str) -> Schema:
    return _choice(lint_head.CHOICES[path])


def _set() -> Schema:
    edge: Schema = {"type": ["number", "null"]}
    band = _closed({"grade": _text(), "from": edge, "below": edge}, ["grade", "from", "below"])
    dated = {"in_force_from": _DAY, "source": _SOURCE}
    table = {**dated, "provenance": _PROVENANCE, "note": _optional(), "bands": {"type": "array", "minItems": 1, "items": band}}
    change = _closed({"in_force_from": _DAY, "value": _number(minimum=0)}, ["in_force_from", "value"])
    maximum = {
        "description": "Điểm tối đa của mục: một số, hoặc danh sách {in_force_from, value} khi văn bản đổi điểm.",
        "anyOf": [_number(minimum=0), {"type": "array", "minItems": 1, "items": change}],
    }
    section = _closed({"label": _text(), "max_points": maximum}, ["label", "max_points"])
    sample = {"forms": _text("Số đo đếm phiếu."), "population": _text("Số đo đếm tổng thể."), "source": _SOURCE}
    sample |= {"error": _number("Sai số, 0.05 = 5 %.", exclusiveMinimum=0, exclusiveMaximum=1), "provenance": _PROVENANCE}
    decimals = {"type": "integer", "minimum": 0, "maximum": lint_head.MOST_DECIMALS}
    grading = {
        "basis": _choose("grading", "basis"),
        "scale": _number("Thang của các mức xếp loại; bỏ trống là 100.", exclusiveMinimum=0),
        "min_scored_share": _SHARE,
        "provenance": _PROVENANCE,
    }
    known: dict[str, Schema] = {
        "name": _text("Trùng tên thư mục."),
        "label": _text("Tên đầy đủ."),
        "label_en": _text("Tên tiếng Anh."),
        "subject": _choose("subject") | {"description": "Chấm cho xã (commune) hay từng cán bộ, công chức (official)."},
        "level": _choose("level") | {"description": "Cấp của chỉ tiêu trong targets.yaml."},
        "total": _number("Tổng điểm; các mục cộng lại đúng bằng số này.", exclusiveMinimum=0),
        "in_force_from": _DAY,
        "provenance": _PROVENANCE,
        "source": _SOURCE,
        "warning": _optional("Câu cảnh báo in kèm mọi kết quả."),
        "definitions": _entries(_text(), description="Định nghĩa bộ này bắt buộc dùng, như overdue: qd766."),
        "sections": _entries(section, minProperties=1),
        "rounding": _closed(
            {"decimals": decimals, "at": _choose("rounding", "at"), "mode": _choose("rounding", "mode")},
            ["decimals", "at", "mode"],
        ),
        "bonus": _closed({"limit": _number("Điểm thưởng, trừ không quá số này.", minimum=0)}, ["limit"]),
        "ranking": _closed(
            {key: _choose("ranking", key) for key in ("method", "basis", "within")},
            ["method", "basis"],
        ),
        "grading": _closed(grading, ["basis", "min_scored_share"]),
        "grade_bands": {
            "type": "array",
            "minItems": 1,
            "items": _closed(table, ["in_force_from", "provenance", "source", "bands"]),
        },
        "appraisers": {
            "type": "array",
            "items": _closed({**dated, "name": _text("Cơ quan thẩm định.")}, ["in_force_from", "name", "source"]),
        },
        "sample": _closed(sample, ["forms", "population", "error", "source", "provenance"]),
    }
    names = [*lint_head.REQUIRED, *lint_head.OPTIONAL]
    return _closed({name: known[name] for name in names}, [*lint_head.REQUIRED, "source"])


def _targets() -> Schema:
    version = {
        "in_force_from": _DAY,
        "value": _number("Tỷ lệ: 0.30 = 30 %.", exclusiveMinimum=0, maximum=1),
        "known": {"type": "boolean", "description": "true khi và chỉ khi provenance là official."},
        "source": _SOURCE,
        "provenance": _PROVENANCE,
        "note": _optional(),
        "range": {"type": "array", "items": _SHARE, "minItems": 2, "maxItems": 2},
    }
    versions = {
        "type": "array",
        "minItems": 1,
        "items": _closed(version, ["in_force_from", "value", "known", "source", "provenance"]),
    }
    entry = {"label": _text(), "unit": _choice(("share",)), "levels": _entries(versions, minProperties=1)}
    return _entries(_closed(entry, ["label", "unit", "levels"]))


def _instrument() -> Schema:
    entry: dict[str, Schema] = {
        "number": _optional("Số, ký hiệu; chưa biết thì null."),
        "short": _text("Tên gọi ngắn, khi chưa có số."),
        "issuer": _text("Cơ quan ban hành."),
        "date": {"anyOf": [_DAY, {"type": "null"}], "description": "Ngày ban hành; chưa biết thì null."},
        "title": _optional("Trích yếu."),
        "status": _choice(("found", "unknown"), "found: đã thấy; unknown: biết là có, chưa thấy nội dung."),
        "seen_in": _optional("Đã thấy ở đâu; bắt buộc khi found."),
        "note": _optional(),
    }
    seen = {
        "if": {"properties": {"status": {"const": "found"}}},
        "then": {"properties": {"seen_in": _text()}, "required": ["seen_in"]},
    }
    return _closed(entry, ["number", "issuer", "date", "title", "status"], **seen)


def _measure() -> Schema:
    entry: dict[str, Schema] = {
        "label": _text(),
        "unit": _choice(("share", "count")),
        "numerator": _text("Tử số đếm gì."),
        "denominator": _optional("Mẫu số đếm gì; số đếm thì null."),
        "recover": _choice(RECOVERS, "Bù phần thiếu bằng cách nào."),
    }
    return _entries(_closed(entry, list(entry)))


def _notice() -> Schema:
    known: dict[str, Schema] = {
        "kind": _choice(COMMITMENT_KINDS),
        "op": _choice(OPERATORS),
        "value": {"anyOf": [_number(), _text(), _TARGET]},
        "deadline": _DAY,
        "provenance": _PROVENANCE,
        "pace": _choice(PACES),
        "measure_args": {"type": "object"},
    }
    own = [f for f in fields(Commitment) if f.name != "code"]
    required = [f.name for f in own if f.default is MISSING and f.default_factory is MISSING]
    commitment = _closed({f.name: known.get(f.name, _text()) for f in own}, required)
    head: dict[str, Schema] = {
        "notice": {"anyOf": [_text("Mã trong instruments.yaml."), {"type": "object"}]},
        "unit": _text("Mã đơn vị, trong ngoặc kép."),
        "year": {"type": "integer"},
        "criteria": _text("Bộ tiêu chí để xếp loại và lấy chỉ tiêu."),
        "commitments": _entries(commitment, minProperties=1),
    }
    return _closed(head, ["notice", "unit", "year", "commitments"])


def _alert() -> Schema:
    span = _text("Khoảng thời gian: 12h, 3d.", pattern=r"^\d{1,4}(h|d)$")
    whole: Schema = {"type": "integer", "minimum": 0, "maximum": 366}
    known: dict[str, Schema] = {
        "label": _text("Tên cảnh báo."),
        "kind": _choice(tuple(alerts.KINDS), "Cách xem số liệu."),
        "for": span | {"description": "Vượt mức bao lâu thì báo."},
        "clear_for": span | {"description": "Hết vượt mức bao lâu thì thôi báo."},
        "cool_down": span | {"description": "Sau khi hết bao lâu mới được báo lại."},
        "severity": _choice(alerts.SEVERITIES),
        "owner": _text("Người, bộ phận xử lý."),
        "digest": {"type": "boolean", "description": "true: gộp vào tin buổi sáng; false: báo ngay."},
        "todo": _text("Mã câu việc cần làm."),
        "runbook": _text("Tên tệp trong docs/runbooks, không có đuôi."),
        "provenance": _PROVENANCE,
        "why": _text("Vì sao ngưỡng như vậy; phần nào là giả định."),
        "threshold": {**_or_target(_number(minimum=0)), "description": "Ngưỡng, theo đơn vị của loại."},
        "clear_margin": _number("Tốt hơn ngưỡng bao nhiêu mới coi là hết.", minimum=0),
        "breached": _choice(alerts.BREACHES, "So với ngưỡng thế nào là vượt."),
        "measure": _text("Tên số đo trong measures.yaml (tỷ lệ)."),
        "min_cases": {**whole, "description": "Mẫu số ít hơn thì chưa xét."},
        "window_days": {**whole, "description": "Số ngày nhìn lại hoặc nhìn tới."},
        "grace_days": {**whole, "description": "Số ngày chờ sau khi hết tháng."},
        "source": _SOURCE,
        "enabled": {"type": "boolean"},
    }
    needs = [
        {"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": {"required": list(fields_of)}}
        for kind, (_, fields_of, _) in alerts.KINDS.items()
        if fields_of
    ]
    return _entries(_closed({name: known[name] for name in alerts.FIELDS}, alerts.REQUIRED, allOf=needs))


_KINDS: Final[Mapping[str, tuple[str, Callable[[], Schema]]]] = {
    "set": ("Bộ tiêu chí: set.yaml", _set),
    "section": (
        "Một mục tiêu chí: section_*.yaml",
        lambda: _entries(_criterion(), propertyNames={"pattern": r"^.+\..+$", "description": "Mã mục, dấu chấm, số: A.1"}),
    ),
    "targets": ("Chỉ tiêu theo cấp và ngày: targets.yaml", _targets),
    "instruments": ("Văn bản được dẫn: instruments.yaml", lambda: _entries(_instrument())),
    "measures": ("Số đo: measures.yaml", _measure),
    "notice": ("Thông báo, cam kết: notices/*.yaml", _notice),
    "alerts": ("Quy tắc cảnh báo: alerts.yaml", _alert),
}
KINDS_OF_FILE: Final = tuple(_KINDS)


def schema_of(kind: str) -> Schema:
    """The schema of one kind of file: set, section, targets, instruments, measures, notice or alerts."""
    title, build = _KINDS[kind]
    return {"$schema": _DRAFT, "title": title, **build()}


def render(kind: str) -> str:
    """The schema as it is written to its file."""
    return json.dumps(schema_of(kind), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main(argv: list[str] | None = None, folder: Path = FOLDER) -> int:
    """Writes the schemas, or with --check names the stale ones and gives 1."""
    check = "--check" in (sys.argv[1:] if argv is None else argv)
    stale = 0
    for kind in KINDS_OF_FILE:
        path, text = folder / f"{kind}.schema.json", render(kind)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if check:
            print(f"{path.name} is stale: run python -m criteria.schema", file=sys.stderr)
            stale = 1
        else:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {folder.name}/{path.name}")
    return stale


if __name__ == "__main__":
    raise SystemExit(main())
