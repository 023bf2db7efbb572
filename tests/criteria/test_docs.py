"""docs/criteria is generated; a stale page fails here."""

from __future__ import annotations

from criteria import list_sets, load_set
from criteria.docs import DOCS, main, render


def test_generated_pages_are_fresh() -> None:
    assert main(["--check"]) == 0
    for name in list_sets():
        assert (DOCS / f"{name}.md").read_text(encoding="utf-8") == render(name)


def test_page_shows_every_criterion_and_its_provenance() -> None:
    text = render("commune_reconstructed")
    for c in load_set().criteria:
        assert f"| {c.code} | {c.label}" in text
    assert "**NO**" in text and "reconstructed" in text and "assumed" in text and "CHƯA RÕ" in text
