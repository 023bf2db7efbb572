"""Forks a process per order that loads one file and may be killed on its way: `python -m tests.flows.crash_driver FOLDER`.

Everything heavy is imported and every file read before the first fork, so that a kill costs little. Reads JSON lines
{failpoint, path, day} and answers {signal, status} for each.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from pathlib import Path

from flows.steps import files, ingest
from flows.steps.home import Home, code_version, open_home
from sources import snapshot
from tests.flows import kit


def main(folder: Path) -> None:
    """Serve until stdin ends."""
    import pandas  # noqa: F401
    import sqlalchemy.dialects.postgresql.psycopg2  # noqa: F401

    import warehouse.ledger
    import warehouse.load  # noqa: F401

    home = open_home()
    code_version(), home.register, home.calendar, home.token_key, home.database.prepare()
    readings = kit.Readings(folder)
    ingest._parse = readings
    contracts = list(files.candidates(home, "one_stop"))
    for line in sys.stdin:
        order = json.loads(line)
        if order["failpoint"] is None and order.get("read"):
            _read(home, readings, contracts, [Path(path) for path in order["read"]])
            _answer({"signal": 0, "status": 0})
            continue
        child = os.fork()
        if child == 0:
            _load(home, order)
        _, status = os.waitpid(child, 0)
        _answer({"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, "status": status >> 8})


def _answer(answer: dict[str, int]) -> None:
    print(json.dumps(answer), flush=True)


def _read(home: Home, readings: kit.Readings, contracts: list, paths: list[Path]) -> None:
    """Read files ahead."""
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            taken = snapshot.take(path, home.snapshots)
            readings(home, taken, contracts, None, kit.day(30), Path(folder))


def _load(home: Home, order: dict[str, object]) -> None:
    """Load one file in a forked process, which ends here."""
    status = 1
    try:
        if order["failpoint"]:
            os.environ["CCHC_FAILPOINT"] = str(order["failpoint"])
        result = kit.load(home, Path(str(order["path"])), kit.QuickGate(), kit.day(int(str(order["day"]))))
        status = {"loaded": 0, "duplicate": 10}.get(result.status, 11)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
