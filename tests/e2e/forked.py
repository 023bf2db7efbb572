"""The program in a process forked off one that has its libraries loaded: a command without the second of its start.

Half of what a short command costs is the import of pandas and SQLAlchemy. Only the start differs: the same `main`, in a process
of its own with its own arguments, environment and streams. `Cchc.start` runs the installed program, and so does everything with
CCHC_TEST_INSTALLED=1.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from multiprocessing.context import ForkServerContext
from pathlib import Path

LOADED = [
    "pandas", "psycopg2", "sqlalchemy", "apps.cli", "apps.show", "flows.steps.ingest", "flows.steps.measure", "flows.steps.score",
    "flows.steps.explain", "flows.steps.scenario", "scoring.engine",
]  # fmt: skip
#: With it a night draws no pictures, which take half of a district's night: for tests that look at something else.
UNDRAWN = "CCHC_TEST_UNDRAWN"


@lru_cache(maxsize=1)
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    return context


def run(words: Sequence[str], folder: Path, env: Mapping[str, str], patience_s: float) -> tuple[int, bytes, bytes]:
    """Run a command; returns exit status, stdout and stderr."""
    with tempfile.TemporaryDirectory(prefix="cchc-said-") as said:
        out, err = Path(said) / "out", Path(said) / "err"
        process = _server().Process(target=_main, args=(list(words), str(folder), dict(env), str(out), str(err)))
        process.start()
        process.join(patience_s)
        if process.is_alive():
            process.kill()
            process.join()
            raise TimeoutError(f"{words} did not end within {patience_s:.0f} s: {err.read_text(errors='replace')[-2000:]}")
        assert process.exitcode is not None
        return process.exitcode, out.read_bytes(), err.read_bytes()


def _main(words: list[str], folder: str, env: dict[str, str], out: str, err: str) -> None:
    """Become the program: what `.venv/bin/cchc` does, in the place and with the environment given."""
    for number, path, mode in ((0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY), (2, err, os.O_WRONLY)):
        opened = os.open(path, mode | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [str(Path(sys.executable).with_name("cchc")), *words]
    from apps.cli import main

    if env.get(UNDRAWN):
        from flows.steps import pictures

        pictures.draw_apart = lambda *_, **__: {}
    try:
        main()
    finally:
        atexit._run_exitfuncs()
