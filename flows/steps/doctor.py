"""`cchc doctor`: every part of an installation looked at by itself, with what is wrong and what to do about it.

A check never stops another one: what it raises is its finding, and one that hangs is left behind after `LIMIT_S` seconds.
Nothing is changed, except that a database of an older version is brought up to date as by every command.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flows.steps.home import Home, UserError

#: Seconds a check may take.
LIMIT_S: Final = 30.0
STATES: Final = ("ok", "warn", "fail")


@dataclass(frozen=True)
class Finding:
    """What a check found: its state, the name of its text in `messages.doctor.TEXTS`, and the values of that text."""

    state: str
    text: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One check. `needs_database`: it is passed over when the database cannot be used."""

    name: str
    look: Callable[[Home], Finding]
    needs_database: bool = True


def doctor(home: Home, checks: Sequence[Check] | None = None) -> dict[str, Any]:
    """Run the checks. Returns {status, home, checks: [{check, label, state, code, message, remedy}]}.

    status: the worst state. code: what was found, for scripts. remedy: what to do, "" when there is nothing to do. checks: those
    of `doctor_checks` unless given.
    """
    from flows.steps.doctor_checks import CHECKS

    found: list[dict[str, Any]] = []
    usable = True
    for check in CHECKS if checks is None else checks:
        if check.needs_database and not usable:
            finding = Finding("warn", "not_checked")
        else:
            finding = _within(check, home)
        if check.name == "database":
            usable = finding.state != "fail" and finding.text != "no_database"
        found.append(_told(check.name, finding))
    worst = max((row["state"] for row in found), key=STATES.index, default="ok")
    return {"status": worst, "home": str(home.root), "checks": found}


def _within(check: Check, home: Home) -> Finding:
    """Run a check in a thread of its own, which is left behind when it takes too long."""
    answer: list[Finding] = []
    worker = threading.Thread(target=lambda: answer.append(_isolated(check, home)), name=f"doctor-{check.name}", daemon=True)
    worker.start()
    worker.join(LIMIT_S)
    return answer[0] if answer else Finding("fail", "too_slow", {"seconds": LIMIT_S})


def _isolated(check: Check, home: Home) -> Finding:
    from warehouse.errors import DatabaseError

    try:
        return check.look(home)
    except DatabaseError as error:
        return Finding("fail", "said", {"message": error.message, "remedy": error.remedy})
    except UserError as error:
        return Finding("fail", "said", {"message": str(error), "remedy": ""})
    except Exception as error:  # never its text: it may hold a cell or a secret
        return Finding("fail", "broken_check", {"kind": type(error).__name__})


def _told(name: str, finding: Finding) -> dict[str, Any]:
    from messages.doctor import LABELS, told

    message, remedy = told(finding.text, finding.values)
    return {
        "check": name,
        "label": LABELS[name],
        "state": finding.state,
        "code": finding.text,
        "message": message,
        "remedy": remedy,
    }
