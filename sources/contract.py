"""The contract: what one export layout means, as data. Loading, checking, and naming what is wrong with it.

A contract costs one YAML file and no code; `docs/contracts.md` is the reference for the people who write them.
"""

from __future__ import annotations

import hashlib
import re
import zoneinfo
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sources.canonical import APPLICANT, DOSSIER_STATUS, TABLES, TYPES, Table
from sources.contract_checks import IMPLICIT_RULES, RULES, Check, build_check, texts_of
from sources.contract_yaml import ContractError, Mapping, read_mapping
from sources.tabular.text import clean, fold, fold_header

__all__ = ["IMPLICIT_RULES", "RULES", "Check", "Column", "Contract", "ContractError", "builtin_contracts", "load_contract"]

_FAMILIES: Final = (
    {"text", "code"}, {"date", "datetime"}, {"integer", "decimal", "percent"}, {"boolean"},
)  # fmt: skip
_TOP: Final = (
    "contract", "source", "table", "grain", "unit", "timezone", "columns", "checks", "label", "sheet", "encoding",
    "delimiter", "ignore_rows", "gate", "notes",
)  # fmt: skip
_COLUMN: Final = (
    "headers", "type", "required", "personal", "values", "otherwise", "formats", "from_title", "scale", "decimal",
    "pattern", "label",
)  # fmt: skip
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")


@dataclass(frozen=True)
class Column:
    """One mapped column. `values` maps a folded text to its canonical value; `otherwise` is for `code` only."""

    name: str
    headers: tuple[str, ...]
    type: str
    canonical_type: str
    required: bool = False
    personal: bool = False
    values: dict[str, Any] | None = None
    otherwise: Any = "quarantine"
    keep_unknown: bool = False
    formats: tuple[str, ...] = ()
    from_title: str | None = None
    scale: str | None = None
    decimal: str | None = None
    label: str = ""

    @property
    def kept(self) -> bool:
        """Whether the column leaves the reader under its own name."""
        return not self.personal


@dataclass(frozen=True)
class Contract:
    """A loaded contract. `unit_headers`/`unit_code` say where the commune comes from."""

    name: str
    source: str
    table: Table
    grain: str
    columns: dict[str, Column]
    checks: tuple[Check, ...]
    timezone: str
    unit_headers: tuple[str, ...] = ()
    unit_code: str | None = None
    label: str = ""
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    ignore_rows: tuple[str, ...] = ()
    gate: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    digest: str = ""

    def headers(self, name: str) -> tuple[str, ...]:
        """The header texts of a column, `unit_code` included, as the contract writes them."""
        if name == "unit_code" and name not in self.columns:
            return self.unit_headers
        return self.columns[name].headers

    def header_index(self) -> dict[str, str]:
        """Folded header text → canonical column name (`unit_code` included)."""
        index: dict[str, str] = {}
        for name, column in self.columns.items():
            for header in column.headers:
                index.setdefault(fold_header(header), name)
        for header in self.unit_headers:
            index.setdefault(fold_header(header), "unit_code")
        return index


def _type_of(name: str, spec: Mapping, canonical: str, has_values: bool) -> str:
    """Return the column's type; it must be of the family of the canonical column's type."""
    kind = spec.get("type", "code" if has_values and canonical == "code" else canonical)
    if kind == "code" and not has_values and canonical != "code":
        kind = "text" if canonical == "text" else kind
    if kind not in TYPES:
        raise spec.error("type", f"kiểu «{kind}» không có; dùng một trong: {', '.join(TYPES)}")
    same = any(kind in family and canonical in family for family in _FAMILIES)
    if not same and not (kind == "code" and has_values):
        raise spec.error(
            "type",
            f"cột {name} của bảng chuẩn có kiểu {canonical}, không nhận kiểu {kind}; sửa thành type: {canonical}",
        )
    return str(kind)


def _typed_value(value: Any, canonical: str, spec: Mapping) -> Any:
    """Return a key of `values` in the canonical column's type."""
    if value is None:
        return None
    try:
        if canonical == "boolean":
            truth = {"true": True, "false": False, "1": True, "0": False}
            return value if isinstance(value, bool) else truth[str(value).lower()]
        if canonical == "integer":
            return int(value)
        if canonical in ("decimal", "percent"):
            return float(value)
    except (KeyError, TypeError, ValueError):
        raise spec.error("values", f"giá trị chuẩn «{value}» không phải kiểu {canonical}") from None
    if isinstance(value, bool):
        raise spec.error("values", f"giá trị chuẩn «{value}» bị YAML hiểu là đúng/sai; đặt trong dấu nháy")
    return str(value)


def _values(name: str, spec: Mapping, canonical: str) -> dict[str, Any] | None:
    """Return folded text → canonical value, or None when the column lists no values."""
    if "values" not in spec:
        return None
    raw = spec["values"]
    if not isinstance(raw, Mapping) or not raw:
        raise spec.error("values", '«values» phải có dạng {gia_tri_chuan: ["chữ trong tệp"]}')
    table: dict[str, Any] = {}
    for key in raw:
        target = _typed_value(key, canonical, spec)
        texts = list(texts_of(raw[key], raw, key)) if raw[key] not in (None, []) else []
        if isinstance(target, str) or (isinstance(target, (int, float)) and not isinstance(target, bool)):
            texts.append(f"{target:g}" if isinstance(target, float) else str(target))
        for text in texts:
            if table.setdefault(fold(text), target) != target:
                raise raw.error(key, f"chữ «{text}» của cột {name} ứng với hai giá trị khác nhau")
    return table


def _column(name: str, spec: Any, table: Table, owner: Mapping) -> Column:
    """Build one column from its YAML mapping."""
    if not isinstance(spec, Mapping):
        raise owner.error(name, f"cột {name} phải có dạng {{headers: [...], type: ...}}")
    spec.only(_COLUMN)
    personal = spec.boolean("personal")
    canonical = table.columns.get(name)
    if canonical is None and not personal:
        known = ", ".join(table.columns)
        raise owner.error(
            name,
            f"bảng {table.name} không có cột {name}; dùng một trong: {known}"
            + ("; cột chủ hồ sơ phải ghi personal: true" if name == APPLICANT else "; hoặc ghi personal: true"),
        )
    if not _NAME.match(name):
        raise owner.error(name, f"tên cột «{name}» chỉ gồm chữ thường, số và gạch dưới")
    canonical = canonical or "text"
    from_title = spec.get("from_title")
    if from_title not in (None, "year", "month", "date"):
        raise spec.error("from_title", "«from_title» chỉ nhận year, month hoặc date")
    if "headers" not in spec and from_title is None:
        raise owner.error(name, f"cột {name} thiếu «headers»: ghi tiêu đề cột như trong tệp")
    headers = texts_of(spec["headers"], spec, "headers") if "headers" in spec else ()
    values = None if personal else _values(name, spec, canonical)
    keep_unknown = False
    if table.name == "dossiers" and name == "status":
        keep_unknown = "otherwise" not in spec
        base = {fold(text): code for code, texts in DOSSIER_STATUS.items() for text in (*texts, code)}
        values = {**base, **(values or {})}
    kind = _type_of(name, spec, canonical, values is not None)
    otherwise = spec.get("otherwise", "quarantine")
    if "otherwise" in spec and otherwise not in ("quarantine", None, "null"):
        otherwise = _typed_value(otherwise, canonical, spec)
        if otherwise not in set((values or {}).values()):
            raise spec.error("otherwise", "«otherwise» nhận quarantine, null hoặc một giá trị có trong values")
    if "otherwise" in spec and kind != "code":
        raise spec.error("otherwise", "«otherwise» chỉ dùng cho cột kiểu code")
    scale = spec.get("scale")
    if scale not in (None, "share", "percent"):
        raise spec.error("scale", "«scale» chỉ nhận share hoặc percent")
    if spec.get("decimal") not in (None, "comma", "dot"):
        raise spec.error("decimal", "«decimal» chỉ nhận comma (12,5) hoặc dot (12.5)")
    return Column(
        name, headers, kind, canonical, spec.boolean("required"), personal, values,
        None if otherwise == "null" else otherwise, keep_unknown,
        texts_of(spec["formats"], spec, "formats") if "formats" in spec else (),
        from_title, scale, spec.get("decimal"), str(spec.get("label") or (headers[0] if headers else name)),
    )  # fmt: skip


def _unit(top: Mapping, table: Table) -> tuple[tuple[str, ...], str | None]:
    """Return where the commune comes from: header texts, or one code."""
    spec = top.get("unit")
    if spec is None:
        return (), None
    if not isinstance(spec, Mapping):
        raise top.error("unit", '«unit» phải có dạng {column: "Đơn vị"} hoặc {code: "22492"}')
    spec.only(("column", "columns", "code"))
    if not table.has_unit:
        raise top.error("unit", f"bảng {table.name} không theo đơn vị; bỏ mục «unit»")
    headers: tuple[str, ...] = ()
    for key in ("column", "columns"):
        if key in spec:
            headers += texts_of(spec[key], spec, key)
    code = spec.get("code")
    if bool(headers) == (code is not None):
        raise top.error("unit", "«unit» cần đúng một trong hai: column hoặc code")
    return headers, (clean(str(code)) if code is not None else None)


def _gate(top: Mapping) -> dict[str, Any]:
    """Return the thresholds of the quality gate: shares /1, and whole rows for `min_rows`."""
    spec = top.get("gate")
    if spec is None:
        return {}
    if not isinstance(spec, Mapping):
        raise top.error("gate", "«gate» phải có dạng {max_quarantined_share: 0.5, min_rows: 1}")
    spec.only(("max_quarantined_share", "min_rows", "max_failed_share"))
    shares = spec.get("max_failed_share") or {}
    if not isinstance(shares, dict):
        raise spec.error("max_failed_share", "«max_failed_share» phải có dạng {tên phép kiểm tra: tỷ lệ}")
    for key, value in [*((k, v) for k, v in spec.items() if k != "max_failed_share"), *shares.items()]:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0 or (key != "min_rows" and value > 1):
            raise spec.error(key, f"«{key}» phải là số" + (" từ 0 đến 1" if key != "min_rows" else " không âm"))
    return {**spec, "max_failed_share": dict(shares)} if shares else dict(spec)


def load_contract(path: str | Path) -> Contract:
    """Read and check one contract file.

    Raises: ContractError with a Vietnamese text naming file:line, the key and the remedy.
    """
    text, top = read_mapping(Path(path))
    top.only(_TOP)
    for key in ("contract", "source", "table", "columns"):
        if key not in top:
            raise top.error(None, f"thiếu mục «{key}»")
    for key in ("contract", "source"):
        if not isinstance(top[key], str) or not _NAME.match(top[key]):
            raise top.error(key, f"«{key}» chỉ gồm chữ thường không dấu, số và gạch dưới")
    if top["table"] not in TABLES:
        raise top.error("table", f"không có bảng «{top['table']}»; dùng một trong: {', '.join(TABLES)}")
    table = TABLES[top["table"]]
    raw = top["columns"]
    if not isinstance(raw, Mapping) or not raw:
        raise top.error("columns", "«columns» phải liệt kê ít nhất một cột")
    columns = {str(name): _column(str(name), raw[name], table, raw) for name in raw}
    unit_headers, unit_code = _unit(top, table)
    for name in table.required:
        if name != "unit_code" and (name not in columns or not columns[name].kept):
            raise top.error("columns", f"bảng {table.name} cần cột {name}; thêm {name}: {{headers: [...]}}")
    _no_shared_headers(columns, unit_headers, raw)
    checks = top.get("checks") or []
    if not isinstance(checks, list):
        raise top.error("checks", "«checks» phải là một danh sách")
    kinds = {name: column.canonical_type for name, column in columns.items() if column.kept}
    built = [build_check(item, kinds, table, top) for item in checks]
    for name, column in columns.items():
        if isinstance(raw[name], Mapping) and "pattern" in raw[name] and column.kept:
            spec = raw[name].child({"rule": "pattern", "column": name, "pattern": raw[name]["pattern"]})
            built.append(build_check(spec, kinds, table, top))
    zone = str(top.get("timezone", "Asia/Ho_Chi_Minh"))
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise top.error("timezone", f"không có múi giờ «{zone}»; dùng Asia/Ho_Chi_Minh") from None
    ignore = texts_of(top["ignore_rows"], top, "ignore_rows") if top.get("ignore_rows") else ()
    for key in ("sheet", "encoding", "delimiter", "label", "grain", "notes"):
        if key in top and not isinstance(top[key], str):
            raise top.error(key, f"«{key}» phải là chữ")
    return Contract(
        top["contract"], top["source"], table, str(top.get("grain") or table.grain), columns,
        tuple({check.id: check for check in built}.values()), zone, unit_headers, unit_code,
        str(top.get("label") or top["contract"]), top.get("sheet"), top.get("encoding"), top.get("delimiter"),
        tuple(fold(item) for item in ignore), _gate(top), str(path), hashlib.sha256(text.encode()).hexdigest(),
    )  # fmt: skip


def _no_shared_headers(columns: dict[str, Column], unit: tuple[str, ...], raw: Mapping) -> None:
    """Refuse one header text that two columns claim: the file could not be read the same way twice."""
    owner: dict[str, str] = {}
    for name, headers in [*((n, c.headers) for n, c in columns.items()), ("unit_code", unit)]:
        for header in headers:
            if owner.setdefault(fold_header(header), name) != name:
                first = owner[fold_header(header)]
                raise raw.error(name, f"tiêu đề «{header}» được ghi cho cả {first} và {name}; giữ ở một cột thôi")


def builtin_contracts() -> list[Contract]:
    """Return the built-in contracts, in name order. Raises: ContractError."""
    return [load_contract(path) for path in sorted(Path(__file__).parent.glob("*/contract.yaml"))]
