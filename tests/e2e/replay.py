"""A replayed month: exports of an invented district dropped day by day into a running `cchc up`, with and without accidents.

`python -m tests.e2e.replay --days 31` replays a whole month and prints what came of it; the suite replays a few days.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psutil

from tests.e2e.kit import PROGRAM

FIRST = date(2023, 3, 1)
NIGHT, DIGEST, EVENING = "01:00:00", "07:05:00", "18:30:00"
PATIENCE_S = 240.0


def days_of(count: int) -> list[date]:
    return [FIRST + timedelta(number) for number in range(count)]


def exports(folder: Path, days: list[date]) -> dict[date, Path]:
    """Write what the systems would export on the evening of each day: about every third day everything, else the dossiers."""
    from synthetic.nights import replay_exports
    from synthetic.world import generate_district

    world = generate_district([FIRST.year], 7)
    found = {}
    for number, day in enumerate(days):
        target = folder / day.isoformat()
        replay_exports(world, target, day)
        if number % 3:
            for path in target.iterdir():
                if "HoSoMotCua" not in path.name:
                    path.unlink()
        found[day] = target
    return found


class Mailbox:
    """A mail server on loopback that keeps what it was sent and can refuse for a while."""

    def __init__(self) -> None:
        from aiosmtpd.controller import Controller

        self.mails: list[EmailMessage] = []
        self.away = False
        self.controller = Controller(self, hostname="127.0.0.1", port=0)

    def __enter__(self) -> Mailbox:
        self.controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.controller.stop()

    @property
    def port(self) -> int:
        return int(self.controller.server.sockets[0].getsockname()[1])

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        from email import message_from_bytes, policy

        if self.away:
            return "451 try again"
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 ok"

    def told(self) -> list[tuple[str, str]]:
        """Return (recipient, subject) of every mail, sorted."""
        return sorted((str(mail["to"]), str(mail["subject"])) for mail in self.mails)


@dataclass
class Replay:
    """One home living through the days. `accidents`: (day number, stage) → what happens then."""

    home: Path
    mailbox: Mailbox
    clock: Path = field(init=False)
    up: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self.clock = self.home.parent / f"{self.home.name}.clock"
        self.home.mkdir(parents=True)
        settings = f"""recipients:
  - name: van_phong
    url: mailto://127.0.0.1:{self.mailbox.port}/?from=cchc@example.org&to=van-phong@example.org&mode=insecure&verify=no
quiet_hours: {{from: "21:00", to: "06:00"}}
digest: "07:00"
"""
        (self.home / "alerts.yaml").write_text(settings, encoding="utf-8")
        (self.home / "alerts.yaml").chmod(0o600)

    def set_clock(self, day: date, at: str) -> None:
        part = self.clock.with_suffix(".part")
        part.write_text(f"{day.isoformat()}T{at}+07:00", encoding="utf-8")
        part.replace(self.clock)

    @property
    def env(self) -> dict[str, str]:
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "USER", "LANG") if name in os.environ}
        return {**keep, "CCHC_HOME": str(self.home), "CCHC_CLOCK": f"@{self.clock}"}

    def start(self, *words: str) -> None:
        log = (self.home.parent / f"{self.home.name}.up.log").open("a")
        self.up = subprocess.Popen([str(PROGRAM), "up", "--port", "0", "--prefect-port", "0", *words], env=self.env, stdout=log, stderr=log, text=True)

    def stop(self) -> None:
        if self.up and self.up.poll() is None:
            self.up.send_signal(signal.SIGTERM)
            self.up.wait(120)

    def run(self, *words: str) -> dict[str, Any]:
        """Run a command of the program to its end."""
        done = subprocess.run([str(PROGRAM), *words, "--json"], env=self.env, capture_output=True, text=True, timeout=600)
        assert done.returncode in (0, 3), (words, done.stderr[-2000:])
        return json.loads(done.stdout)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        from warehouse import engine

        connection = engine.raw_connection(self.home, role="owner", autocommit=True)
        try:
            cursor = connection.cursor()
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def until(self, what: str, statement: str) -> None:
        """Wait until a query gives true, however often the database goes away meanwhile."""
        import psycopg2

        from warehouse.errors import DatabaseError

        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                if all(row[0] for row in self.query(statement)):
                    return
            except (psycopg2.Error, DatabaseError):
                pass
            time.sleep(0.3)
        raise AssertionError(f"{self.home.name}: waited in vain for {what}")

    def drop(self, source: Path) -> list[str]:
        """Let a day's exports arrive in the inbox; returns their digests."""
        from hashlib import sha256

        inbox = self.home / "inbox"
        inbox.mkdir(mode=0o700, exist_ok=True)
        digests = []
        for path in sorted(source.iterdir()):
            shutil.copyfile(path, inbox / f".{path.name}.part")
            os.replace(inbox / f".{path.name}.part", inbox / path.name)
            digests.append(sha256(path.read_bytes()).hexdigest())
        return digests
