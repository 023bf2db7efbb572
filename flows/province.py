"""The files of a load side by side on the workers of `CCHC_DASK`; over the wire go paths, moments and answers, never rows.

What is in the warehouse afterwards does not depend on how many workers there were, which one took which file, or who died.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.runner import NoWorkers, answer_of, dask_address, workers
from flows.steps import parts as steps
from flows.steps.files import FileResult
from flows.steps.home import Home, UserError, open_home
from flows.steps.inbox import Advance, take_inbox
from flows.steps.ingest import gate_of, ingest_files
from flows.steps.logs import discreet
from flows.steps.parts import Part

#: How often a worker tries a file again when the database refuses it, and after how many seconds.
_RETRIES: Final = 3
_RETRY_DELAY_S: Final = 2
_OTHER: Final = "Máy làm việc không cùng CCHC_HOME, cơ sở dữ liệu hoặc phiên bản với máy giao việc; hãy đặt cho giống nhau."


@task(name="load file", cache_policy=NO_CACHE, retries=_RETRIES, retry_delay_seconds=_RETRY_DELAY_S)
def load_file(
    place: str, dated: datetime, contract: str | None, unit: str | None, origin: str, installation: str
) -> dict[str, Any] | None:
    """Load one file, on whatever machine this runs; None, and nothing done, when that one works on another installation."""
    with _same(installation) as home:
        return steps.load_part(home, Part(place, dated), contract, unit, origin).to_json() if home else None


@task(name="quality pages", cache_policy=NO_CACHE)
def write_pages(installation: str) -> None:
    """Bring the quality pages up to date with a gate that has judged files: to start another takes seconds."""
    with _same(installation) as home:
        if home:
            steps.finish(home)


@contextmanager
def _same(installation: str) -> Iterator[Home | None]:
    """Open this machine's home for a task; None when it is another installation than the one that gave the task."""
    home = open_home()
    home.prepare()
    try:
        with discreet(home.root):
            yield home if steps.identity(home) == installation else None
    finally:
        home.database.close()


def load_parts(
    home: Home, parts: Sequence[Part], contract: str | None = None, unit: str | None = None, origin: str = "flow",
    advance: Advance | None = None,
) -> list[FileResult]:  # fmt: skip
    """Load the parts on the workers, or here when none are named, none answer or they give up; in the order of the parts.

    Raises: UserError, DatabaseError.
    """
    wanted = steps.requests(home, parts, contract, unit, origin)
    address = dask_address()
    done: list[FileResult | None] = [None] * len(parts)
    if address is not None and len(parts) > 1:
        done = _on_workers(home, address, parts, contract, unit, origin)
    left = [k for k, result in enumerate(done) if result is None]
    if left:
        with gate_of(home) as gate:
            for k, result in zip(left, ingest_files(home, [wanted[k] for k in left], gate, advance), strict=True):
                done[k] = result
    return [result for result in done if result is not None]


def take_inbox_apart(home: Home, advance: Advance | None = None) -> tuple[list[FileResult], list[FileResult]]:
    """Do what `take_inbox` does, file by file on the workers."""

    def load(paths: Sequence[Path]) -> list[FileResult]:
        return load_parts(home, steps.parts_of([str(path.absolute()) for path in paths]), origin="inbox", advance=advance)

    return take_inbox(home, advance, load=load)


def _on_workers(
    home: Home, address: str, parts: Sequence[Part], contract: str | None, unit: str | None, origin: str
) -> list[FileResult | None]:
    """Return what became of each part, None where no worker could tell. Raises: UserError."""
    done: list[FileResult | None] = [None] * len(parts)
    rest = (contract, unit, origin, steps.identity(home))
    names = ("place", "dated", "contract", "unit", "origin", "installation")
    try:
        with workers(address) as runner:
            asked = [runner.submit(load_file, dict(zip(names, (part.place, part.dated, *rest)))) for part in parts]
            for k, future in enumerate(asked):
                try:
                    answer = answer_of(runner, future)
                except NoWorkers:
                    raise
                except Exception as problem:  # the worker died too often, or cannot reach what it needs: done here instead
                    get_run_logger().warning("a worker gave up on a file: %s", type(problem).__name__)
                    continue
                if answer is None:
                    raise UserError("other_installation", _OTHER)
                done[k] = FileResult(**answer)
            if any(result and result.verdict for result in done):
                _pages_on_a_worker(runner, steps.identity(home))
    except NoWorkers as problem:
        get_run_logger().warning("no Dask worker answers (%s): what is left is loaded here", problem)
    return done


def _pages_on_a_worker(runner: Any, installation: str) -> None:
    """Have the quality pages written; without them nothing is lost, and the next load writes them."""
    try:
        answer_of(runner, runner.submit(write_pages, {"installation": installation}))
    except NoWorkers:
        raise
    except Exception as problem:
        get_run_logger().warning("the quality pages were not written: %s", type(problem).__name__)
