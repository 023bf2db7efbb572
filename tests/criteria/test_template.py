"""The set an analyst starts from: complete, clean, commented, and claiming nothing. And the lint of folders outside the project."""

from __future__ import annotations

import random
import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from criteria import CriteriaError, NotInForceError, list_sets, load_folder
from criteria.lint import lint, lint_set
from criteria.loader import ROOT
from criteria.yaml_lines import read

TEMPLATE = ROOT / "template"
FILES = sorted(p.name for p in TEMPLATE.iterdir())


def test_it_is_clean_and_adds_up() -> None:
    assert lint_set(TEMPLATE) == []
    s = load_folder(TEMPLATE)
    at = s.at(date(2023, 12, 31))
    base = [c for c in at.criteria if c.kind == "base"]
    assert sum(c.max_points or 0 for c in base) == s.total == 100
    assert "template" not in list_sets()


def test_it_shows_what_a_set_needs_most() -> None:
    s = load_folder(TEMPLATE)
    families = {v.rule.family for c in s.criteria for v in c.versions if v.rule}
    assert {"yes_no", "steps", "capped_ratio", "linear", "penalty_per_event", "falling_linear", "bonus_penalty"} <= families
    assert {c.declared for c in s.criteria} >= {"yes_no", "share", "count"} and any(c.measure for c in s.criteria)
    assert any(t for t in s.targets)


def test_it_claims_nothing() -> None:
    """Every provenance is assumed, every text unknown, every target loud, and the warning is there."""
    for file in FILES:
        found = re.findall(r"^\s*(?:- )?provenance: (\S+)$", (TEMPLATE / file).read_text(encoding="utf-8"), re.MULTILINE)
        assert set(found) <= {"assumed"}, file
    s = load_folder(TEMPLATE)
    assert s.warning and s.provenance == "assumed"
    assert not any(t.known for versions in s.targets.values() for t in versions)
    own = read(TEMPLATE / "instruments.yaml").data
    assert own and all(entry["status"] == "unknown" and entry["number"] is None for entry in own.values())
    cited = {v.source.instrument for c in s.criteria for v in c.versions} | {s.source.instrument}
    assert cited <= set(own)


@pytest.mark.parametrize("file", FILES)
def test_every_file_explains_itself(file: str) -> None:
    lines = (TEMPLATE / file).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# yaml-language-server: $schema=../schema/")
    assert lines[1].startswith("# ") and not any("\t" in line for line in lines)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set of an installation, named as its folder."""
    made = tmp_path / "criteria" / "huyen_mau"
    shutil.copytree(TEMPLATE, made)
    head = made / "set.yaml"
    head.write_text(head.read_text(encoding="utf-8").replace("name: template", "name: huyen_mau"), encoding="utf-8")
    return made


def test_a_set_outside_the_project_is_judged_with_its_own_instruments(folder: Path) -> None:
    assert lint_set(folder) == [] and lint(extra=folder.parent) == []
    (folder / "instruments.yaml").unlink()
    assert {p.what for p in lint_set(folder)} == {
        f"văn bản «{name}» không có trong instruments.yaml" for name in ("van_ban_bo_tieu_chi", "quy_che_xep_loai")
    }
    assert lint_set(folder) == lint(extra=folder.parent)


def test_own_instruments_are_checked_and_the_projects_stay_known(folder: Path) -> None:
    own = folder / "instruments.yaml"
    own.write_text(own.read_text(encoding="utf-8").replace("  status: unknown", "  status: found", 1), encoding="utf-8")
    (found,) = lint_set(folder)
    assert found.file == own and "seen_in" in found.what and own.read_text(encoding="utf-8").splitlines()[found.line - 1].strip()
    own.write_text("{}\n", encoding="utf-8")
    for file in folder.glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        text = text.replace("instrument: van_ban_bo_tieu_chi", "instrument: qd_766_2022")
        file.write_text(text.replace("instrument: quy_che_xep_loai", "instrument: qd_766_2022"), encoding="utf-8")
    assert lint_set(folder) == []


def test_a_folder_that_is_no_set_says_so(folder: Path) -> None:
    (folder / "set.yaml").unlink()
    (found,) = lint_set(folder)
    assert found.file.name == "set.yaml" and "không có tệp này" in found.what


def test_a_built_in_name_is_not_taken_over(folder: Path) -> None:
    folder.rename(folder.with_name("sipas"))
    assert any("trùng tên bộ có sẵn" in p.what for p in lint(extra=folder.parent))


def test_drafts_are_left_alone(folder: Path) -> None:
    folder.rename(folder.with_name(".draft-1"))
    assert lint(extra=folder.parent) == []


SCRAPS = [
    "",
    "null",
    "[]",
    "{}",
    "x",
    "- a",
    "{a: 1}",
    "[1, 2]",
    "2020-02-30",
    '"',
    "*a",
    "!!int x",
    "? [a]",
    "{a}: 1",
    ".nan",
    ".inf",
]


def spoiled(lines: list[str], rng: random.Random) -> list[str]:
    """The lines with one slip of the hand: a line lost, repeated, shifted, given another value, or a character hit by mistake."""
    at = rng.choice([i for i, line in enumerate(lines) if line.strip() and not line.strip().startswith("#")])
    line, out = lines[at], list(lines)
    slip = rng.randrange(5)
    if slip == 0:
        del out[at]
    elif slip == 1:
        out[at] = f"{line.partition(':')[0]}: {rng.choice(SCRAPS)}"
    elif slip == 2:
        out[at] = " " * rng.randrange(5) + line.strip()
    elif slip == 3:
        out.insert(at, rng.choice(lines))
    else:
        where = rng.randrange(len(line))
        out[at] = line[:where] + rng.choice(",:{}[]'\"#% ") + line[where + 1 :]
    return out


@pytest.mark.slow
def test_no_slip_of_the_hand_is_a_traceback_or_passes_unseen(folder: Path) -> None:
    """Whatever is typed: the lint reports or the set can be used; never neither, never an exception of another kind."""
    rng = random.Random(20230317)
    texts = {file: (folder / file).read_text(encoding="utf-8") for file in FILES}
    refused = 0
    for _ in range(150):
        file = rng.choice(FILES)
        (folder / file).write_text("\n".join(spoiled(texts[file].splitlines(), rng)) + "\n", encoding="utf-8")
        problems = lint_set(folder)
        try:
            load_folder(folder).at(date(2023, 12, 31))
        except (CriteriaError, NotInForceError) as error:
            refused += 1
            assert problems, error
        (folder / file).write_text(texts[file], encoding="utf-8")
    assert refused > 30 and lint_set(folder) == []
