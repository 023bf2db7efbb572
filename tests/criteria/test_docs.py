"""docs/criteria is generated; a stale page, or one of a set that is gone, fails here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from criteria import list_sets, load_instruments, load_set, set_content
from criteria.docs import DOCS, main, pages, render
from criteria.loader import ROOT, read_yaml


def test_generated_pages_are_fresh() -> None:
    assert main(["--check"]) == 0
    for name, make in pages().items():
        assert (DOCS / name).read_text(encoding="utf-8") == make()


def test_stale_missing_and_orphaned_pages_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], tmp_path) == 0 and main(["--check"], tmp_path) == 0
    (tmp_path / "sipas.md").write_text("old", encoding="utf-8")
    (tmp_path / "gone.md").write_text("a set that was deleted", encoding="utf-8")
    assert main(["--check"], tmp_path) == 1
    err = capsys.readouterr().err
    assert "sipas.md is stale" in err and "gone.md belongs to no set" in err
    assert main([], tmp_path) == 0 and main(["--check"], tmp_path) == 0 and not (tmp_path / "gone.md").exists()


@pytest.mark.parametrize("name", list_sets())
def test_page_shows_every_figure_with_clause_and_provenance(name: str) -> None:
    text, s = render(name), load_set(name)
    for c in s.criteria:
        for v in c.versions:
            (line,) = [x for x in text.splitlines() if x.startswith(f"| {c.code} | ") and f" | {v.in_force_from} | " in x]
            assert c.label in line and str(v.source) in line and line.endswith(f"| {v.provenance} |")
    for versions in s.targets.values():
        for t in versions:
            (line,) = [
                x for x in text.splitlines() if x.startswith(f"| `{t.name}` | ") and f"{t.level} | {t.in_force_from} | " in x
            ]
            assert t.provenance in line and ("**NO**" in line) is (not t.known)
    for table in s.band_tables:
        assert text.count(f"| {table.in_force_from} | ") >= len(table.bands)
        assert all(f"| {band.grade} | " in text for band in table.bands)
    assert not s.warning or s.warning.strip() in text
    for key in set_content(name)["instruments"]:
        assert f"| `{key}` | " in text


def test_page_of_another_subject_and_scale() -> None:
    text = render("one_stop_official")
    assert "| Scores | officials, each within the commune |" in text
    assert "Index from (of 18)" in text and "18 × total / scored maximum" in text
    assert "`qd766@1`" in text and "prescribed by this set" in text


def test_page_of_a_survey_shows_its_sample_rule() -> None:
    assert "n = N / (1 + N × 0.05²)" in render("sipas") and "## Sample size" not in render("qd_766")


def test_registers_are_complete() -> None:
    instruments, definitions = pages()["instruments.md"](), pages()["definitions.md"]()
    for key, i in load_instruments().items():
        (line,) = [x for x in instruments.splitlines() if x.startswith(f"| `{key}` | ")]
        assert (i.number or "") in line and i.issuer in line and i.status in line and (i.seen_in or "") in line
    for entry in read_yaml(ROOT / "definitions.yaml").values():
        for name, d in entry["definitions"].items():
            assert f"`{name}@{d['version']}`" in definitions and f"### {d['label']}" in definitions


def test_index_names_every_set_and_every_link_leads_somewhere() -> None:
    made = {name: make() for name, make in pages().items()}
    for name in list_sets():
        assert f"[`{name}`]({name}.md)" in made["index.md"]
    for page, text in made.items():
        for link in re.findall(r"\]\(([^)#]+\.md)(?:#[^)]*)?\)", text):
            assert link in made or (DOCS / link).resolve().exists(), f"{page}: {link}"
