"""Vietnamese wording in one place: numbers and dates, reasons, statuses. Everything is composed (NFC)."""

from messages import fmt
from messages.commitments import STATE_LABELS, deadline_text, gap_text, threshold_text, value_text
from messages.reasons import (
    GRADE_STATUS_LABELS,
    PROVENANCE_LABELS,
    STATUS_LABELS,
    budget_text,
    reason_text,
    recover_text,
)
from messages.rules import definition_label, measure_label

__all__ = [
    "GRADE_STATUS_LABELS",
    "PROVENANCE_LABELS",
    "STATE_LABELS",
    "STATUS_LABELS",
    "budget_text",
    "deadline_text",
    "definition_label",
    "fmt",
    "gap_text",
    "measure_label",
    "reason_text",
    "recover_text",
    "threshold_text",
    "value_text",
]
