"""The lint: silent on what is right, one fixture per mistake with its message."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from criteria.lint import lint, main
from criteria.loader import ROOT, section_files

BROKEN = Path(__file__).parent.parent / "broken" / "criteria"
MISTAKES = sorted(p.name for p in BROKEN.iterdir() if p.is_dir() and p.name != "_base")


def test_shipped_criteria_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    assert [str(p) for p in lint()] == []
    assert main([]) == 0
    assert capsys.readouterr().out == ""


def test_the_base_of_the_fixtures_is_clean() -> None:
    assert lint(BROKEN / "_base") == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_broken_fixture(mistake: str, tmp_path: Path) -> None:
    """The base set with one file replaced gives exactly the messages of expected.txt."""
    root = tmp_path / "criteria"
    shutil.copytree(BROKEN / "_base", root)
    shutil.copytree(BROKEN / mistake, root, dirs_exist_ok=True)
    expected = (BROKEN / mistake / "expected.txt").read_text(encoding="utf-8").splitlines()
    got = [str(p.relative_to(root)) for p in lint(root)]
    assert got == expected and expected


def test_there_is_a_fixture_for_each_kind_of_mistake() -> None:
    assert len(MISTAKES) >= 50


def test_missing_file_and_wild_shapes_are_problems_not_tracebacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "criteria"
    shutil.copytree(BROKEN / "_base", root)
    (root / "measures.yaml").unlink()
    (root / "sets" / "demo" / "targets.yaml").write_text("online_min: [1, 2]\n", encoding="utf-8")
    (root / "notices" / "demo.yaml").write_text("commitments: [1]\n", encoding="utf-8")
    (root / "definitions.yaml").write_bytes(b"\xff\xfe\x00")
    assert main([str(root)]) == 1
    out = capsys.readouterr().out
    assert "measures.yaml:1: measures.yaml: không có tệp này" in out
    assert "không phải UTF-8" in out and "cấu trúc không đúng mẫu" in out


def test_criteria_stay_short() -> None:
    """House style: a criterion is 8 to 15 lines, a compound rule up to 20; every later version adds at most 6."""
    for folder in (ROOT / "sets").iterdir():
        for file in section_files(folder):
            text = file.read_text(encoding="utf-8")
            for block in text.split("\n\n")[1:]:
                first, *later = block.strip().split("    - in_force_from:")[1:]
                lines = len(block.strip().splitlines()) - sum(len(v.strip().splitlines()) for v in later)
                assert 8 <= lines <= (20 if "compound_steps" in block else 15), f"{file}: {block.splitlines()[0]}"
                assert all(len(v.strip().splitlines()) <= 6 for v in later), f"{file}: {first}"


def test_all_sets_are_linted_in_a_second() -> None:
    start = time.perf_counter()
    lint()
    assert time.perf_counter() - start < 1  # about 0.1 s alone on the reference machine
