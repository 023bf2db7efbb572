"""A fresh installation per test module, driven through the installed command line."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.kit import Cchc


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here that uses an installation runs the program from end to end on a real PostgreSQL."""
    for item in items:
        if Path(__file__).parent in item.path.parents and "cchc" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.db)


@pytest.fixture(scope="module")
def cchc() -> Iterator[Cchc]:
    """The program on an empty home that ends with the module. This process keeps the database up between commands."""
    from warehouse import cluster

    folder = Path(tempfile.mkdtemp(prefix="cchc-e2e-"))
    folder.chmod(0o711)
    before = os.environ.pop("CCHC_DATABASE_URL", None)
    home = folder / "home"
    cluster.ensure(home)
    try:
        yield Cchc(home)
    finally:
        cluster.destroy(home)
        shutil.rmtree(folder, ignore_errors=True)
        if before is not None:
            os.environ["CCHC_DATABASE_URL"] = before


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder for exports."""
    folder = tmp_path / "tệp"
    folder.mkdir()
    return folder
