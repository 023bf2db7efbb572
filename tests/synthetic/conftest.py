"""One small invented district and its demonstration files for all tests here."""

from __future__ import annotations

import datetime as dt

import pytest

from synthetic.profiles import Settings
from synthetic.world import World, generate_district
from synthetic.writers import ExportSet, write_demo


@pytest.fixture(scope="session")
def world() -> World:
    return generate_district([2023], 5, settings=Settings(scale=0.3))


@pytest.fixture(scope="session")
def demo(world: World, tmp_path_factory: pytest.TempPathFactory) -> ExportSet:
    return write_demo(world, tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def two_years() -> World:
    return generate_district([2022, 2023], 5, dt.datetime(2023, 6, 30, 17, 0), Settings(scale=0.3))
