"""Which rules a question is judged by: the criteria sets of the project and of the installation, and their definitions."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import criteria
from flows.steps.home import Home, UserError

if TYPE_CHECKING:
    from criteria.model import CriteriaSet, ResolvedSet


def set_names(home: Home) -> list[str]:
    """Return the names of all sets this installation knows."""
    return criteria.list_sets(extra=home.criteria)


def rules_of(home: Home, name: str | None = None) -> CriteriaSet:
    """Return a criteria set by name (None: the commune's). Raises: UserError."""
    chosen, known = criteria.DEFAULT_SET if name is None else name, set_names(home)
    if chosen not in known:
        raise UserError("unknown_criteria", f"Không có bộ tiêu chí «{chosen}»; các bộ đã biết: {', '.join(known)}.")
    try:
        return criteria.load_set(chosen, extra=home.criteria)
    except criteria.CriteriaError as error:
        raise UserError("bad_criteria", f"{error}. Chạy «cchc criteria lint {chosen}» để xem từng chỗ sai.") from error


def rules_on(home: Home, name: str | None, day: date) -> ResolvedSet:
    """Return a criteria set as in force on a day. Raises: UserError."""
    return in_force(rules_of(home, name), day)


def in_force(rules: CriteriaSet, day: date) -> ResolvedSet:
    """Return what a set says on a day. Raises: UserError (a target that says nothing for it)."""
    try:
        return rules.at(day)
    except criteria.NotInForceError as error:
        message = f"{error.args[0]}. Bổ sung chỉ tiêu trong targets.yaml của bộ «{rules.name}» hoặc hỏi ngày khác."
        raise UserError("not_in_force", message) from error


def overdue_definition(home: Home, name: str | None, given: str | None) -> str | None:
    """Return the definition of late that holds: the one given, else the set's own, else None (the general default)."""
    return given or rules_of(home, name).definitions.get("overdue")
