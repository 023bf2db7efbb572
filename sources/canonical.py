"""The canonical tables every contract feeds: names, grain, keys and column types.

Nothing here knows a file layout. A contract maps what an export has; what it lacks stays unknown (NULL).
Units: `fee_amount` in VND, `max_working_days` in working days, `points` in points, survey answers on the 1-5 scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TYPES: Final[tuple[str, ...]] = (
    "text", "code", "date", "datetime", "integer", "decimal", "percent", "boolean",
)  # fmt: skip

#: The one non-canonical column that survives the reader, as a keyed token and never in the clear.
APPLICANT: Final = "applicant"
APPLICANT_TOKEN: Final = "applicant_token"


@dataclass(frozen=True)
class Table:
    """One canonical table.

    `required` are the columns without which a row means nothing; a contract must map them
    (`unit_code` may come from the contract's `unit`, the file's title or the command line instead).
    """

    name: str
    grain: str
    key: tuple[str, ...]
    columns: dict[str, str]
    required: tuple[str, ...]

    @property
    def has_unit(self) -> bool:
        """Whether rows of this table belong to a commune."""
        return "unit_code" in self.columns


def _table(name: str, grain: str, key: str, columns: str, required: str = "") -> Table:
    """Build a table from `name:type` words; a word without a type is text."""
    typed: dict[str, str] = {}
    for word in columns.split():
        column, _, kind = word.partition(":")
        typed[column] = kind or "text"
        if typed[column] not in TYPES:
            raise ValueError(f"{name}.{column}: unknown type {kind}")
    keys = tuple(key.split())
    return Table(name, grain, keys, typed, tuple(required.split()) or keys)


TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (
        _table(
            "dossiers", "one row per dossier", "unit_code dossier_code",
            "dossier_code procedure_code procedure_name field_name unit_code channel:code"
            " submitted_at:datetime received_at:datetime due_at:datetime internal_due_at:datetime"
            " finished_at:datetime returned_at:datetime status:code officer department"
            " supplement_count:integer supplement_requested_at:datetime fee_amount:decimal paid_online:boolean"
            " components_digitised:boolean result_digitised:boolean result_electronic:boolean"
            " reused_data:boolean withdrawn:boolean",
        ),
        _table(
            "survey_forms", "one row per filled form", "unit_code form_code",
            "form_code unit_code answered_on:date dossier_code access:integer procedures:integer"
            " officials:integer results:integer feedback:integer overall:integer named_official comment",
            # A paper form often has no number: then a form is its content, and equal ones of a file stay apart.
            "unit_code answered_on",
        ),
        _table(
            "officer_reviews", "one row per official and month", "unit_code month officer",
            "unit_code month:date officer department points:decimal grade:code reviewed_on:date",
        ),
        _table(
            "tasks", "one row per task", "unit_code task_code",
            "task_code unit_code programme title department owner assigned_on:date due_on:date done_on:date"
            " status:code evidence",
        ),
        _table(
            "initiatives", "one row per initiative", "unit_code initiative_code",
            "initiative_code unit_code title owner submitted_on:date recognised_on:date decision",
        ),
        _table(
            "declarations", "one row per unit, year and criterion", "unit_code year criterion_code",
            "unit_code year:integer criterion_code value:decimal points:decimal state:code evidence"
            " declared_on:date",
        ),
        _table(
            "monthly_reports", "one row per unit and month", "unit_code year month",
            "unit_code year:integer month:integer received_total:integer received_online:integer"
            " received_direct_postal:integer carried_over:integer resolved_total:integer resolved_early:integer"
            " resolved_on_time:integer resolved_overdue:integer open_total:integer open_in_time:integer"
            " open_overdue:integer",
        ),
        _table(
            "published_results", "one row per unit and year", "unit_code year",
            "unit_code year:integer index:decimal grade:code rank:integer published_on:date",
        ),
        _table(
            "procedures", "one row per administrative procedure", "procedure_code",
            "procedure_code procedure_name field_name max_working_days:integer",
        ),
    )
}  # fmt: skip

#: Columns whose date without a time means the end of that day: a deadline runs until midnight.
END_OF_DAY: Final[frozenset[str]] = frozenset({"due_at", "internal_due_at"})

#: Normal form of `dossiers.status`: the source system's codes 1-10, its texts and the OpenCPS words.
DOSSIER_STATUS: Final[dict[str, tuple[str, ...]]] = {
    "new": ("1", "Mới đăng ký", "Mới đăng kí", "Mới nộp", "Chờ tiếp nhận", "new", "posting"),
    "received": ("2", "Được tiếp nhận", "Đã tiếp nhận", "Mới tiếp nhận", "Tiếp nhận", "receiving", "received"),
    "refused": (
        "3", "Không được tiếp nhận", "Không tiếp nhận", "Từ chối tiếp nhận", "Từ chối", "Bị từ chối", "denied",
        "refused",
    ),
    "processing": (
        "4", "Đang xử lý", "Đang xử lí", "Đang giải quyết", "Đang thụ lý", "processing", "interoperating",
        "Đang xử lý trong hạn", "Đang xử lý quá hạn", "Đang liên thông",
    ),
    "waiting_supplement": (
        "5", "Yêu cầu bổ sung giấy tờ", "Yêu cầu bổ sung", "Chờ bổ sung", "Đang chờ bổ sung", "Bổ sung hồ sơ",
        "Chờ bổ sung hồ sơ", "Tạm dừng chờ bổ sung", "waiting", "waiting_supplement",
    ),
    "waiting_payment": (
        "6", "Yêu cầu thực hiện NVTC", "Yêu cầu thực hiện nghĩa vụ tài chính", "Chờ thực hiện NVTC",
        "Chờ thực hiện nghĩa vụ tài chính", "Chờ thanh toán", "paying", "waiting_payment",
    ),
    "withdrawn": (
        "7", "Công dân yêu cầu rút", "Công dân yêu cầu rút hồ sơ", "Rút hồ sơ", "Đã rút", "Công dân rút hồ sơ",
        "cancelled", "withdrawn",
    ),
    "stopped": ("8", "Dừng xử lý", "Dừng xử lí", "Tạm dừng", "Dừng giải quyết", "unresolved", "stopped"),
    "finished": (
        "9", "Đã xử lý xong", "Đã xử lí xong", "Đã xử lý", "Đã giải quyết", "Đã có kết quả", "Chờ trả kết quả",
        "Hoàn thành", "releasing", "finished",
    ),
    "returned": ("10", "Đã trả kết quả", "Đã trả", "Trả kết quả", "Đã trả kết quả cho công dân", "done", "returned"),
}  # fmt: skip
