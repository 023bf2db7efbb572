"""A load in parts: which files, in which order they speak, and what address of workers is taken."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.steps.home import Home, UserError
from flows.steps.parts import identity, parts_of
from tests.flows import kit


def test_files_of_a_folder_speak_in_the_order_of_their_age_and_none_after_the_moment_given(tmp_path: Path) -> None:
    for age, name in ((3, "b.csv"), (1, "c.csv"), (2, "a.csv")):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (1_600_000_000 - age, 1_600_000_000 - age))
    parts = parts_of([str(tmp_path)], kit.day(1))
    assert [Path(part.place).name for part in parts] == ["b.csv", "a.csv", "c.csv"]
    assert [kit.day(1) - part.dated for part in parts] == [timedelta(microseconds=k) for k in (2, 1, 0)]
    assert parts_of([str(tmp_path / "c.csv")], kit.day(1))[0].dated == kit.day(1)


def test_a_path_that_another_machine_would_read_differently_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("")
    with pytest.raises(UserError, match="đầy đủ"):
        parts_of(["a.csv"])


@pytest.mark.parametrize("given", ["127.0.0.1:8786", "http://127.0.0.1:8786", "dask"])
def test_an_address_that_is_none_is_named(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.runner import dask_address

    monkeypatch.setenv("CCHC_DASK", given)
    with pytest.raises(UserError, match=given):
        dask_address()
    monkeypatch.setenv("CCHC_DASK", " ")
    assert dask_address() is None


@pytest.mark.db
def test_an_installation_is_told_by_its_code_its_key_its_units_and_its_database(
    clean: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.steps import parts

    here = identity(clean)
    assert identity(Home(clean.root)) == here
    other = Home(clean.root)
    other.__dict__["token_key"] = b"of another home"
    assert identity(other) != here
    other = Home(clean.root)
    other.__dict__["register"] = SimpleNamespace(version="of another home")
    assert identity(other) != here
    monkeypatch.setattr(parts, "code_version", lambda: "of another day")
    assert identity(clean) != here
