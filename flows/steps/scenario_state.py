"""The way of a scenario: draft → submitted → approved → published, or returned; and back to the bytes of an earlier version.

Nobody approves what he made, edited or handed in, however he spells his name. Publishing adds a run; the base run stays.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flows.steps.audit import Actor, person_key, record, who
from flows.steps.home import Home, UserError, now
from flows.steps.scenario import EDITABLE, Given, appraisal, clean_text, found, head, overtaken, scored, subject, text_digest

if TYPE_CHECKING:
    from warehouse.database import Transaction


def submit(home: Home, name: str, by: str | None = None) -> dict[str, Any]:
    """Hand a draft in for approval. Raises: UserError."""
    actor = who(by)
    with home.database.begin() as tx:
        row = found(tx, name)
        _must_be(row, EDITABLE, "trình duyệt")
        return _moved(tx, row, actor, EDITABLE, "submitted", "scenario.submit", f"phiên bản {row['version']}")


def approve(home: Home, name: str, by: str | None = None, on_version: int | None = None) -> dict[str, Any]:
    """Approve what was handed in; not one's own. on_version: the version the approver looked at. Raises: UserError."""
    from warehouse import scenarios

    actor = who(by)
    with home.database.begin() as tx:
        row = found(tx, name)
        _must_be(row, ("submitted",), "duyệt")
    result = _result_of(scored(home, row))
    with home.database.begin() as tx:
        if on_version is not None and on_version != row["version"]:
            raise overtaken(row["name"], on_version, row["version"])
        made = scenarios.versions(tx, row["scenario_id"])
        own = next((one["actor"] for one in made if one["actor_key"] == actor.key), None)
        if own is None:  # handed in earlier, perhaps: the log knows everybody who ever did
            own = next((name for name in _submitters(tx, row) if person_key(name) == actor.key), None)
        if own is not None:
            raise UserError(
                "self_approval",
                f"«{actor.name}» đã soạn, sửa hoặc trình phương án này (ghi là «{own}») nên không được duyệt; "
                "cần người khác duyệt.",
            )
        says = f"phiên bản {row['version']}"
        document = _moved(tx, row, actor, ("submitted",), "approved", "scenario.approve", says, more={"result": result})
        same = sorted({one["os_user"] for one in made} & {actor.os_user})
        if same:
            document["says"].append(
                f"Lưu ý: người duyệt và người soạn cùng dùng tài khoản máy «{same[0]}»; nhật ký ghi lại cả hai."
            )
        return document


def _submitters(tx: Transaction, row: dict[str, Any]) -> list[str]:
    from warehouse import audit

    entries = audit.entries(tx, subject(row["name"]))
    return [row["submitted_by"], *(entry["actor"] for entry in entries if entry["action"] == "scenario.submit")]


def _approval(tx: Transaction, row: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the log says of the approval of these very bytes; None unless it is the last word on the scenario."""
    from warehouse import audit

    if text_digest(row["content"]) != row["sha256"] or row["approved_version"] != row["version"]:
        return None
    last = audit.entries(tx, subject(row["name"]), 1)
    detail: dict[str, Any] = json.loads(last[0]["detail"]) if last and last[0]["action"] == "scenario.approve" else {}
    return detail if detail.get("sha256") == row["sha256"] else None


def _result_of(given: Given) -> str:
    """Return the digest of the figures that would be published."""
    from flows.steps.score import digest_of, score_json

    return digest_of(score_json(given.appraised)["communes"])


def send_back(home: Home, name: str, reason: str | None, by: str | None = None) -> dict[str, Any]:
    """Return a submitted or approved scenario to its authors, with a reason. Raises: UserError."""
    actor, said = who(by), clean_text(reason, "lý do trả lại (--reason)", 500)
    states = ("submitted", "approved")
    with home.database.begin() as tx:
        row = found(tx, name)
        _must_be(row, states, "trả lại")
        return _moved(tx, row, actor, states, "returned", "scenario.return", said)


def publish(home: Home, name: str, by: str | None = None) -> dict[str, Any]:
    """Publish an approved scenario as a run of its own, with its content's digest in the recipe. Raises: UserError."""
    from flows.steps import runs
    from flows.steps.appraisal import overrides_json
    from flows.steps.scenario_compare import changed_content, changes_json
    from flows.steps.score import score_json

    actor = who(by)
    with home.database.begin() as tx:
        row = found(tx, name)
        _must_be(row, ("approved",), "công bố")
        approval = _approval(tx, row)
        if approval is None:
            raise UserError(
                "not_approved", "Nội dung phương án không đúng với lần duyệt ghi trong nhật ký; trả lại và duyệt lại."
            )
    given = scored(home, row)
    if _result_of(given) != approval["result"]:
        raise UserError(
            "figures_moved",
            "Số liệu đã đổi từ khi duyệt (có tệp nạp sau nhưng ghi ngày nhận sớm hơn, hoặc phần mềm đã đổi); "
            "trả lại để xem và duyệt lại.",
        )
    content, asked = changed_content(home, row), given.computed.asked
    origin = {"name": row["name"], "version": row["version"], "sha256": row["sha256"], "base_run": row["base_run"]}
    document = score_json(given.appraised) | {
        "scenario": {**origin, "changes": changes_json(given), "overrides": overrides_json(given)}
    }
    with home.database.begin() as tx:
        extra = _recipe_of(tx, given) | {"scenario": {**origin, **appraisal(given.content, asked)}}
        made = runs.publish(home, tx, given.appraised, document, origin="scenario", content=content, extra=extra)
        says = f"lần công bố số {made['run']}, phiên bản {row['version']}"
        return _moved(tx, row, actor, ("approved",), "published", "scenario.publish", says, made)


def _recipe_of(tx: Transaction, given: Given) -> dict[str, Any]:
    """Return what the run's recipe says of its making: the loads, calendar and units of the base run, not those of today."""
    from flows.steps import runs
    from flows.steps.score import digest_of
    from warehouse.runs import loads_known

    base = given.base["recipe"]
    used = [load for load in loads_known(tx, None) if load["load_id"] in set(given.loads)]
    recipe = {
        "loads": runs.ranges(given.loads), "inputs": runs.inputs_digest(used), "input_count": len(used),
        "calendar": base["calendar"], "units": base["units"],
    }  # fmt: skip
    if "parts" not in base:
        return recipe
    own = {"criteria": given.appraised.rules.hash, "definitions": digest_of(runs.definitions_content())}
    return recipe | {"parts": base["parts"] | own}


def revert(home: Home, name: str, to: int | None = None, by: str | None = None, on_version: int | None = None) -> dict[str, Any]:
    """Go back to an earlier version, to the byte, as a new version. None: the one before the current. Raises: UserError."""
    from warehouse import scenarios

    actor = who(by)
    with home.database.begin() as tx:
        row = found(tx, name)
        _must_be(row, EDITABLE, "trở về phiên bản cũ")
        wanted = row["version"] - 1 if to is None else to
        old = scenarios.version_of(tx, row["name"], wanted)
        if old is None:
            raise UserError(
                "unknown_version", f"Phương án «{row['name']}» không có phiên bản {wanted} (hiện là {row['version']})."
            )
        if text_digest(old["content"]) != old["sha256"]:
            raise UserError("lost_scenario", f"Phiên bản {wanted} đang lưu không khớp mã kiểm tra: đã bị sửa ngoài phần mềm.")
        version = scenarios.add_version(
            tx, row["scenario_id"], on=row["version"] if on_version is None else on_version,
            content=old["content"], sha256=old["sha256"],
            action="scenario.revert", actor=actor.name, actor_key=actor.key, os_user=actor.os_user, now=now(),
        )  # fmt: skip
        if version is None:
            raise _raced(row)
        says = f"phiên bản {version} giống hệt phiên bản {wanted}"
        record(
            tx, "scenario.revert", subject(row["name"]),
            {"says": says, "version": version, "to": wanted, "sha256": old["sha256"]}, actor,
        )  # fmt: skip
        return {"scenario": head(tx, found(tx, row["name"])), "says": [says], "changed": True}


def _must_be(row: dict[str, Any], states: tuple[str, ...], doing: str) -> None:
    from messages.scenario import refused

    if row["state"] not in states:
        raise UserError("wrong_state", refused(row["state"], doing))


def _raced(row: dict[str, Any]) -> UserError:
    return UserError("overtaken", f"Phương án «{row['name']}» vừa được người khác đổi; xem lại rồi làm tiếp.")


def _moved(
    tx: Transaction, row: dict[str, Any], actor: Actor, states: tuple[str, ...], to: str, action: str, says: str,
    made: dict[str, Any] | None = None, more: dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Move a scenario to a state, in one transaction with its entry. Raises: UserError when somebody was faster.

    more: what else the entry says.
    """
    from messages.scenario import STATES
    from warehouse import scenarios

    run = made["run"] if made else None
    if not scenarios.move(
        tx, row["scenario_id"], on=row["version"], states=states, to=to, now=now(), by=actor.name, key=actor.key, run=run
    ):
        raise _raced(row)
    detail = {"says": says, "version": row["version"], "sha256": row["sha256"], **({"run": made} if made else {}), **(more or {})}
    document = {"scenario": head(tx, found(tx, row["name"])), "says": [f"Phương án «{row['name']}» {STATES[to]}: {says}."]}
    record(tx, action, subject(row["name"]), detail, actor)
    return document | ({"run": made} if made else {})


def content_of(home: Home, name: str, version: int | None = None) -> dict[str, Any]:
    """Return {version, sha256, content, text}: a version as data and as its bytes. Raises: UserError."""
    from warehouse import scenarios

    with home.database.begin() as tx:
        row = found(tx, name)
        chosen = scenarios.version_of(tx, row["name"], version or row["version"])
    if chosen is None:
        raise UserError("unknown_version", f"Phương án «{row['name']}» không có phiên bản {version}.")
    text = chosen["content"]
    return {"version": chosen["version"], "sha256": chosen["sha256"], "content": json.loads(text), "text": text}
