"""A replayed month: exports of an invented district dropped day by day, once into a running `cchc up` that has accidents, once by hand.

`python -m tests.e2e.replay --days 31` replays a whole month, with Prefect, and prints what came of it; the suite replays a few days.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil

from tests.e2e import up_kit
from warehouse import place

FIRST = date(2023, 3, 1)
NIGHT, MORNING, EVENING = "01:00:00", "07:05:00", "18:30:00"
PATIENCE_S = 120.0
#: (day, when) → what happens then. Days are counted from 0 and taken modulo PERIOD.
ACCIDENTS = {(0, "evening"): "stop_database", (1, "night"): "kill_desk", (1, "evening"): "kill_up"}
PERIOD = 3


def exports(folder: Path, days: list[date]) -> dict[date, Path]:
    """Write what the systems export on the evening of each day: every third day everything, else the one-stop's dossiers."""
    from synthetic.nights import replay_exports
    from synthetic.profiles import Settings
    from synthetic.world import generate_district

    world = generate_district([FIRST.year], 7, settings=Settings(scale=0.2))
    found = {}
    for number, day in enumerate(days):
        target = folder / day.isoformat()
        replay_exports(world, target, day)
        for path in target.iterdir() if number % 3 else ():
            if "HoSoMotCua" not in path.name:
                path.unlink()
        found[day] = target
    return found


class Replay:
    """One home that lives through the days, and the mails it sends."""

    def __init__(self, home: Path, mail_port: int) -> None:
        self.home, self.clock = home, home.with_name(f"{home.name}.clock")
        place.make_home(home)
        place.secret(home, "applicant_token_key", lambda: "5e" * 32)  # the tokens of both homes must be the same
        address = f"mailto://127.0.0.1:{mail_port}?from=cchc@huyen.example&to={home.name}@xa.example"
        settings = f'recipients:\n  - name: Văn phòng\n    url: "{address}"\n'
        (home / "alerts.yaml").write_text(settings, encoding="utf-8")
        (home / "alerts.yaml").chmod(0o600)
        self.at(FIRST - timedelta(1), "20:00:00")

    def at(self, day: date, time_of_day: str) -> None:
        """Set the clock."""
        part = self.clock.with_suffix(".part")
        part.write_text(f"{day.isoformat()}T{time_of_day}+07:00", encoding="utf-8")
        part.replace(self.clock)
        self.now = f"{day.isoformat()} {time_of_day}+07"

    def drop(self, source: Path) -> None:
        """Let a day's exports arrive in the inbox, all in one instant."""
        hidden = self.home / "inbox" / f".{source.name}"
        shutil.copytree(source, hidden)
        hidden.rename(hidden.with_name(source.name))

    def query(self, statement: str, **params: Any) -> list[tuple[Any, ...]]:
        from warehouse import engine

        connection = engine.raw_connection(self.home, role="owner", autocommit=True)
        try:
            cursor = connection.cursor()
            cursor.execute(statement, params)
            return list(cursor.fetchall())
        finally:
            connection.close()

    def settled(self, source: Path | None) -> list[str]:
        """Return what is still to be done at this time of the clock."""
        files = len(list(source.iterdir())) if source else 0
        told = {
            "files": f"select count(distinct a.location) >= {files} and bool_and(coalesce(f.state <> 'received', true)) "
            "from arrivals as a join files as f using (sha256) where a.location like %(place)s",
            "score": "select coalesce((select max(l.load_id) from loads as l where l.rows_inserted + l.rows_closed > 0), 0) <= "
            "coalesce((select max((regexp_match(recipe ->> 'loads', '(\\d+)$'))[1]::int) from score_runs), 0)",
            "forecast": "select not exists (select from loads) or (select recipe ->> 'inputs' from score_runs order by run_id desc limit 1) is not distinct from "
            "(select recipe ->> 'inputs' from forecasts order by forecast_id desc limit 1)",
            "alerts": "select not exists (select from score_runs where recipe -> 'question' ->> 'as_of' is not null and "
            "(recipe -> 'question' ->> 'as_of')::timestamptz > coalesce((select max(evaluated_at) from alert_marks), '-infinity'))",
            "messages": "select not exists (select from alert_messages where state in ('waiting', 'sending') "
            "and next_try_at <= %(now)s::timestamptz)",
        }  # fmt: skip
        if source is None:
            told.pop("files")
        given = {"now": self.now, "place": f"%/inbox/{source.name}/%" if source else ""}
        return [name for name, statement in told.items() if not self.query(statement, **given)[0][0]]


class ByHand(Replay):
    """The same days with the plain steps, nothing running in between and no accident."""

    def day(self, day: date, source: Path) -> None:
        from flows.steps.forecast_refresh import refresh
        from flows.steps.home import Home
        from flows.steps.nightly import nightly
        from flows.steps.outgoing import deliver
        from flows.steps.react import react

        home = Home(self.home)
        with _clock(self.clock):
            home.prepare()
            self.at(day, NIGHT)
            nightly(home)
            deliver(home)
            self.at(day, MORNING)
            deliver(home)
            self.at(day, EVENING)
            self.drop(source)
            time.sleep(1.2)  # files that came this very second are given a moment anyway
            react(home)
            refresh(home)
            deliver(home)
        home.database.engine.dispose()


def by_hand(home: Path, mail_port: int, sources: dict[date, Path]) -> None:
    """Live through the days by hand, in a process of its own: the clock is a variable of the environment."""
    hand = ByHand(home, mail_port)
    for day, source in sources.items():
        hand.day(day, source)


class Running(Replay):
    """A `cchc up` that is left running, and what befalls it."""

    def __init__(self, home: Path, mail_port: int, *options: str) -> None:
        super().__init__(home, mail_port)
        self.options = options
        self.happened: Counter[str] = Counter()
        self.begin()

    def begin(self) -> None:
        self.up = up_kit.ready(self.home, *self.options, env={"CCHC_CLOCK": f"@{self.clock}"})

    def day(self, number: int, day: date, source: Path) -> None:
        """Live through a day; whatever happens in it, the next one begins when all of this one is done."""
        self.at(day, NIGHT)
        self.accident(number, "night", "select exists (select from leases where name = 'nightly' and released_at is null)")
        self.wait(
            "night", None, "select exists (select from nightly_runs where as_of = %(now)s and outcome in ('done', 'nothing_new'))"
        )
        self.at(day, MORNING)
        self.wait("morning", None, "select true", only={"messages"})
        self.at(day, EVENING)
        self.drop(source)
        self.accident(number, "evening", f"select exists (select from arrivals where location like '%%/inbox/{source.name}/%%')")
        self.wait("evening", source, "select true")

    def accident(self, number: int, when: str, sign: str) -> None:
        """Wait for a sign that the work has begun, then let something happen to it."""
        what = ACCIDENTS.get((number % PERIOD, when))
        if what is None:
            return
        self._until(sign, f"{when} begun")
        self.happened[what] += 1
        getattr(self, what)()

    def kill_desk(self) -> None:
        pid = self.up.pid("watch")
        assert pid
        os.kill(pid, signal.SIGKILL)

    def kill_up(self) -> None:
        self.up.process.kill()
        self.up.process.wait(60)
        self.begin()

    def stop_database(self) -> None:
        from warehouse import cluster

        number = cluster.running(self.home)
        assert number is not None
        os.kill(number, signal.SIGQUIT)

    def wait(self, what: str, source: Path | None, also: str, only: set[str] | None = None) -> None:
        self._until(also, what)
        end, left = time.monotonic() + PATIENCE_S, ["all"]
        while left:
            assert time.monotonic() < end, f"{self.now} {what}: never done: {left}"
            time.sleep(0.3)
            left = self._asked(lambda: [name for name in self.settled(source) if only is None or name in only], ["database"])

    def _until(self, statement: str, what: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not self._asked(lambda: self.query(statement, now=self.now)[0][0], False):
            assert time.monotonic() < end, f"{self.now}: never: {what}"
            time.sleep(0.05)

    def _asked(self, ask: Callable[[], Any], away: Any) -> Any:
        """Return an answer of the database; `away` while it is away."""
        import psycopg2

        from warehouse.errors import DatabaseError

        try:
            return ask()
        except (psycopg2.Error, DatabaseError):
            return away

    def stop(self) -> None:
        if self.up.process.poll() is None:
            self.up.stop()


@contextmanager
def _clock(path: Path) -> Iterator[None]:
    before = os.environ.get("CCHC_CLOCK")
    os.environ["CCHC_CLOCK"] = f"@{path}"
    try:
        yield
    finally:
        os.environ.pop("CCHC_CLOCK") if before is None else os.environ.update(CCHC_CLOCK=before)


def told(home: Path) -> dict[str, Any]:
    """Return everything that must come out the same: facts, the last score of each moment, alerts, messages."""
    from flows.steps.home import Home
    from tests.flows import kit

    opened = Home(home)
    with opened.database.begin() as tx:
        found: dict[str, Any] = {"facts": kit.checksum(tx), "broken": kit.broken_rules(tx)}
        found["scores"] = {
            str(row["as_of"]): row["result_digest"]
            for row in tx.rows("select recipe -> 'question' ->> 'as_of' as as_of, result_digest from score_runs order by run_id")
        }
        found["alerts"] = [
            tuple(row.values())
            for row in tx.rows(
                "select rule, unit_id, subject, state, opened_at, resolved_at, value from alerts "
                "where opened_at is not null order by opened_at, rule, unit_id, subject"
            )
        ]
        found["nights"] = [
            row["as_of"] for row in tx.rows("select distinct as_of from nightly_runs where outcome <> 'failed' order by 1")
        ]
        found["messages"] = Counter(row["state"] for row in tx.rows("select state from alert_messages"))
    opened.database.engine.dispose()
    return found


def mails_of(post: Any, name: str) -> list[str]:
    """Return the subjects of the mails that a home sent, sorted."""
    return sorted(str(mail["subject"]) for mail in post.mails if str(mail["to"]).startswith(name))


def replay(folder: Path, days: int, *options: str, say: Any = lambda *_: None) -> dict[str, Any]:
    """Replay some days both ways; returns {"hand", "up": what each came to, "happened": accidents, "mails": …}."""
    from tests.flows.post_kit import Post, mail_server
    from warehouse import cluster

    listed = [FIRST + timedelta(number) for number in range(days)]
    sources = exports(folder / "exports", listed)
    homes = [folder / "tay", folder / "may"]
    running = None
    with mail_server(Post()) as post:
        hand = get_context("spawn").Process(target=by_hand, args=(homes[0], post.port, sources))
        try:
            running = Running(homes[1], post.port, *options)
            hand.start()
            for number, day in enumerate(listed):
                running.day(number, day, sources[day])
                say(day, dict(running.happened))
            running.stop()
            hand.join()
            assert hand.exitcode == 0, "the days by hand failed"
            return {
                "hand": told(homes[0]), "up": told(homes[1]), "happened": running.happened,
                "mails": [mails_of(post, home.name) for home in homes], "ids": [(str(mail["to"]), str(mail["message-id"])) for mail in post.mails],
            }  # fmt: skip
        finally:
            if running is not None:
                running.stop()
            if hand.is_alive():
                hand.kill()
                hand.join()
            for home in homes:
                cluster.destroy(home)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.replay", description=__doc__)
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("options", nargs="*", help="of cchc up, such as --no-prefect (after --)")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cchc-replay-"))
    folder.chmod(0o711)
    begun = time.monotonic()
    try:
        came = replay(folder, given.days, *given.options, say=partial(print, flush=True))
        for name in ("facts", "broken", "scores", "alerts", "nights", "messages"):
            print(
                name,
                "equal" if came["hand"][name] == came["up"][name] else f"DIFFERENT\n{came['hand'][name]}\n{came['up'][name]}",
            )
        print(
            "mails",
            "equal" if came["mails"][0] == came["mails"][1] else f"DIFFERENT\n{came['mails'][0]}\n{came['mails'][1]}",
            len(came["mails"][0]),
        )
        print("each mail once", len(came["ids"]) == len(set(came["ids"])), dict(came["happened"]))
        print(f"{time.monotonic() - begun:.0f} s, {psutil.Process().memory_info().rss >> 20} MiB here")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
