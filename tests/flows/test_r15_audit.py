"""R15: the audit chain. Every edit, deletion, insertion and swap is found; the application role cannot make one."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from warehouse import audit

if TYPE_CHECKING:
    from flows.steps.home import Home

pytestmark = pytest.mark.slow  # a whole file of seconds: left to `make test`

ENTRIES = 60
START = datetime(2024, 1, 10, 8, tzinfo=UTC)
Rows = list[dict[str, Any]]


def chain(length: int = ENTRIES) -> tuple[Rows, audit.Heads]:
    """Return a chain as the database gives it, and the heads that belong to it."""
    rows: Rows = []
    before = audit.GENESIS
    for seq in range(1, length + 1):
        entry: dict[str, Any] = {
            "seq": seq, "at": START + timedelta(minutes=7 * seq), "actor": f"Công chức {'ABC'[seq % 3]}", "os_user": "cchc",
            "action": "scenario.set", "subject": f"scenario:phương án {seq % 4}",
            "detail": audit.canonical({"says": f"điểm tối đa III.{seq % 9 + 1}", "version": seq}), "prev_hash": before,
        }  # fmt: skip
        entry["entry_hash"] = before = audit.digest_entry(entry, before)
        rows.append(entry)
    anchors = {row["seq"]: row["entry_hash"] for row in rows}
    return rows, audit.Heads(True, frozenset(anchors.items()), anchors)


def rechained(rows: Rows) -> Rows:
    """Return the rows numbered and hashed anew: what somebody does who knows how the chain is made."""
    before = audit.GENESIS
    for seq, row in enumerate(rows, start=1):
        row |= {"seq": seq, "prev_hash": before}
        row["entry_hash"] = before = audit.digest_entry(row, before)
    return rows


# --- tampering, one kind a function: each returns rows that are not the ones given ---


def edit(rows: Rows, rng: random.Random) -> Rows:
    """Change one field of one entry, by as little as a blank or a microsecond."""
    row, name = rng.choice(rows), rng.choice(audit.COLUMNS)
    if name == "seq":
        row["seq"] += rng.choice([-1, 1, 1000])
    elif name == "at":
        row["at"] += timedelta(microseconds=rng.choice([-1, 1, 10**9]))
    elif name.endswith("hash"):
        row[name] = f"{int(row[name], 16) ^ (1 << rng.randrange(256)):064x}"
    else:
        at = rng.randrange(len(row[name]) + 1)
        row[name] = row[name][:at] + rng.choice(" xX0.,") + row[name][at:]
    return sorted(rows, key=lambda r: r["seq"])


def delete(rows: Rows, rng: random.Random) -> Rows:
    """Take one entry away, often the last."""
    del rows[rng.choice([len(rows) - 1, rng.randrange(len(rows))])]
    return rows


def cut(rows: Rows, rng: random.Random) -> Rows:
    return rows[: -rng.randint(1, len(rows))]


def insert(rows: Rows, rng: random.Random) -> Rows:
    """Put an entry in, at the end or in between, with a hash that fits the one before."""
    at = rng.choice([len(rows), rng.randrange(len(rows))])
    new = copy.deepcopy(rng.choice(rows)) | {"seq": at + 1, "actor": "Công chức Z"}
    before = rows[at - 1]["entry_hash"] if at else audit.GENESIS
    new["prev_hash"] = before
    new["entry_hash"] = audit.digest_entry(new, before)
    for row in rows[at:]:
        row["seq"] += 1
    return [*rows[:at], new, *rows[at:]]


def swap(rows: Rows, rng: random.Random) -> Rows:
    """Let two entries change places, with or without their hashes."""
    a, b = rng.sample(range(len(rows)), 2)
    kept = ("seq",) if rng.random() < 0.5 else ("seq", "prev_hash", "entry_hash")
    first, second = dict(rows[a]), dict(rows[b])
    rows[a] = second | {name: first[name] for name in kept}
    rows[b] = first | {name: second[name] for name in kept}
    return rows


def rewrite(rows: Rows, rng: random.Random) -> Rows:
    """Tamper in one of the other ways, then compute the whole chain anew."""
    row = rng.choice(rows)
    row["actor"] += "."
    return rechained(rng.choice([lambda r, _: r, delete, insert, swap])(rows, rng))


KINDS = (edit, delete, cut, insert, swap, rewrite)


@pytest.mark.parametrize("kind", KINDS)
def test_r15_a_thousand_tamperings_are_found(kind: Any) -> None:
    rows, heads = chain()
    assert audit.check(rows, heads).intact
    rng = random.Random(f"R15 {kind.__name__}")
    missed = []
    for number in range(1000):
        tampered = kind(copy.deepcopy(rows), rng)
        assert tampered != rows
        verdict = audit.check(tampered, heads)
        if verdict.intact or verdict.broken is None:
            missed.append(number)
    assert not missed


def test_r15_the_first_broken_entry_is_named() -> None:
    rows, heads = chain()
    for position in (0, 17, ENTRIES - 1):
        tampered = copy.deepcopy(rows)
        tampered[position]["detail"] += " "
        assert (audit.check(tampered, heads).broken, audit.check(tampered, heads).what) == (position + 1, "changed")
    assert audit.check(rows[:-1], heads) == audit.Verdict(ENTRIES - 1, ENTRIES, "cut", rows[-2]["entry_hash"], 0)
    assert audit.check([*rows[:20], *rows[21:]], heads).broken == 21
    rebuilt = rechained(copy.deepcopy(rows[:30]) + copy.deepcopy(rows[31:]))
    assert (audit.check(rebuilt, heads).broken, audit.check(rebuilt, heads).what) == (31, "replaced")


def test_r15_no_heads_is_no_proof() -> None:
    rows, _ = chain()
    assert audit.check(rows, audit.Heads(False)).what == "no_heads"
    assert audit.check([], audit.Heads(False)).intact


def test_r15_a_crash_around_the_commit_is_harmless() -> None:
    """A failed transaction leaves an intent without entry; a process killed after its commit an intent without anchor."""
    rows, heads = chain()
    failed = frozenset({*heads.intents, (ENTRIES, "f" * 64), (ENTRIES + 1, "e" * 64)})
    killed = {seq: value for seq, value in heads.anchors.items() if seq not in (30, ENTRIES)}
    verdict = audit.check(rows, audit.Heads(True, failed, killed))
    assert verdict.intact and verdict.unconfirmed == 2


def test_r15_heads_survive_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / audit.HEADS
    audit.write_head(path, audit.INTENT, 1, "a" * 64)
    with path.open("ab") as heads:
        heads.write(b"anchor 1 aaaa")  # the machine stopped here
    audit.write_head(path, audit.ANCHOR, 1, "a" * 64)
    read = audit.read_heads(tmp_path)
    assert read == audit.Heads(True, frozenset({(1, "a" * 64)}), {1: "a" * 64})
    assert path.stat().st_mode & 0o777 == 0o600
    assert audit.read_heads(tmp_path / "nowhere") == audit.Heads(False)


def test_r15_heads_that_say_nothing_are_no_crash(tmp_path: Path) -> None:
    path = tmp_path / audit.HEADS
    path.write_text(f"anchor {'9' * 5000} {'a' * 64}\nanchor \u0661 {'a' * 64}\nintent 1 {'a' * 64}\n", encoding="utf-8")
    assert audit.read_heads(tmp_path) == audit.Heads(True, frozenset({(1, "a" * 64)}))
    path.unlink()
    path.mkdir()
    assert audit.read_heads(tmp_path) == audit.Heads(False)


# --- on a real PostgreSQL ---


@pytest.fixture
def logged(clean: Home) -> Iterator[Home]:
    """An installation whose log holds a few entries."""
    from flows.steps.audit import record, who

    heads = clean.root / audit.HEADS
    heads.unlink(missing_ok=True)
    for number in range(1, 9):
        with clean.database.begin() as tx:
            record(tx, "scenario.set", "scenario:thử", {"says": f"lần {number}"}, who("Công chức A"))
    yield clean
    heads.unlink(missing_ok=True)


def tamper(home: Home, *statements: str) -> None:
    """Do what only the owner of the database can: put the trigger aside."""
    from warehouse import engine

    connection = engine.raw_connection(home.root, role="owner", autocommit=True)
    try:
        cursor = connection.cursor()
        for statement in ("alter table audit_log disable trigger user", *statements, "alter table audit_log enable trigger user"):
            cursor.execute(statement)
    finally:
        connection.close()


@pytest.mark.db
def test_r15_entries_follow_each_other_and_are_whole(logged: Home) -> None:
    from flows.steps.audit import listing, verify

    found = verify(logged)
    assert (found["intact"], found["entries"], found["unconfirmed"]) == (True, 8, 0)
    assert [entry["seq"] for entry in listing(logged)["entries"]] == list(range(1, 9))
    assert [entry["text"] for entry in listing(logged, limit=1)["entries"]] == ["đổi tham số: lần 8"]


@pytest.mark.db
@pytest.mark.parametrize(
    ("statement", "broken", "what"),
    [
        ("update audit_log set actor = 'Công chức Z' where seq = 3", 3, "changed"),
        ("update audit_log set at = at + interval '1 microsecond' where seq = 8", 8, "changed"),
        ("update audit_log set detail = detail || ' ' where seq = 1", 1, "changed"),
        ("update audit_log set os_user = os_user || 'x' where seq = 5", 5, "changed"),
        ("delete from audit_log where seq = 8", 8, "cut"),
        ("delete from audit_log where seq = 4", 4, "gap"),
        ("delete from audit_log", 1, "cut"),
        (
            "insert into audit_log select 9, at, actor, os_user, action, subject, detail, entry_hash, md5('x') || md5('y') "
            "from audit_log where seq = 8", 9, "changed",
        ),
        (
            "update audit_log as a set subject = b.subject || '!', detail = b.detail from audit_log as b "
            "where (a.seq, b.seq) in ((2, 6), (6, 2))", 2, "changed",
        ),
    ],
)  # fmt: skip
def test_r15_the_owner_of_the_database_is_found_out(logged: Home, statement: str, broken: int, what: str) -> None:
    from flows.steps.audit import verify

    tamper(logged, statement)
    found = verify(logged)
    assert (found["intact"], found["broken"], found["what"]) == (False, broken, what)
    assert f"số {broken}" in found["message"]


@pytest.mark.db
@pytest.mark.parametrize("detail", ["không phải JSON", "[1]", '"x"', ""])
def test_r15_a_tampered_entry_can_still_be_read(logged: Home, detail: str) -> None:
    from flows.steps.audit import listing, verify

    tamper(logged, f"update audit_log set detail = '{detail}' where seq = 3")
    assert (verify(logged)["broken"], verify(logged)["what"]) == (3, "changed")
    entry = listing(logged)["entries"][2]
    assert entry["detail"] == {"unreadable": detail} and entry["text"]


@pytest.mark.db
def test_r15_a_chain_computed_anew_is_found_out(logged: Home) -> None:
    from flows.steps.audit import verify

    with logged.database.begin() as tx:
        rows = audit.entries(tx)
    rows[4]["actor"] = "Công chức Z"
    statements = [
        f"update audit_log set actor = '{row['actor']}', prev_hash = '{row['prev_hash']}', entry_hash = '{row['entry_hash']}' "
        f"where seq = {row['seq']}"
        for row in rechained(rows)[4:]
    ]
    tamper(logged, *statements)
    found = verify(logged)
    assert (found["intact"], found["broken"], found["what"]) == (False, 5, "replaced")


@pytest.mark.db
@pytest.mark.parametrize("verb", ["update audit_log set actor = 'x'", "delete from audit_log", "truncate audit_log"])
def test_r15_the_application_cannot(logged: Home, verb: str) -> None:
    import psycopg2

    from warehouse import engine

    connection = engine.raw_connection(logged.root, role="app", autocommit=True)
    try:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            connection.cursor().execute(verb)
    finally:
        connection.close()


@pytest.mark.db
@pytest.mark.parametrize("verb", ["update audit_log set actor = 'x' where seq = 1", "delete from audit_log where seq = 0"])
def test_r15_even_the_owner_does_not_by_mistake(logged: Home, verb: str) -> None:
    import psycopg2

    from warehouse import engine

    connection = engine.raw_connection(logged.root, role="owner", autocommit=True)
    try:
        with pytest.raises(psycopg2.errors.RaiseException, match="only grows"):
            connection.cursor().execute(verb)
    finally:
        connection.close()


@pytest.mark.db
def test_r15_what_is_rolled_back_leaves_no_gap(logged: Home) -> None:
    from flows.steps.audit import record, verify

    with pytest.raises(RuntimeError), logged.database.begin() as tx:
        record(tx, "scenario.set", "scenario:thử", {})
        raise RuntimeError
    with logged.database.begin() as tx:
        assert record(tx, "scenario.set", "scenario:thử", {"says": "sau lỗi"}) == 9
    assert verify(logged)["intact"]


@pytest.mark.db
def test_r15_killed_between_commit_and_anchor(logged: Home) -> None:
    from flows.steps.audit import record, verify

    with logged.database.begin() as tx:
        record(tx, "scenario.set", "scenario:thử", {})
        tx.after_commit.clear()  # the process ends here
    found = verify(logged)
    assert (found["intact"], found["entries"], found["unconfirmed"]) == (True, 9, 1)
    assert "chưa kịp đóng dấu" in found["message"]


@pytest.mark.db
def test_r15_writers_at_once_make_one_chain(logged: Home) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from flows.steps.audit import record, verify, who

    def write(number: int) -> int:
        with logged.database.begin() as tx:
            return record(tx, "scenario.set", "scenario:thử", {"number": number}, who(f"Công chức {number % 4}"))

    with ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(write, range(40)))
    assert sorted(numbers) == list(range(9, 49))
    assert verify(logged)["intact"]
