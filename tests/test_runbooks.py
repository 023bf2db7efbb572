"""Every alarm has its page, and every command that a page names exists."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from apps.cli import cli
from criteria.alerts import load_alert_rules

PAGES = sorted((Path(__file__).resolve().parents[1] / "docs" / "runbooks").glob("*.md"))


def test_every_rule_has_its_page_and_the_index_names_all() -> None:
    names = {page.stem for page in PAGES}
    assert {rule.runbook for rule in load_alert_rules().values()} <= names
    index = next(page for page in PAGES if page.stem == "index").read_text(encoding="utf-8")
    assert set(re.findall(r"\(([a-z-]+)\.md\)", index)) == names - {"index"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_a_page_exist(page: Path) -> None:
    for line in re.findall(r"cchc [^`;#\n]+", page.read_text(encoding="utf-8")):
        words = line.split()[1:]
        command: click.Command = cli
        while words and isinstance(command, click.Group) and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        assert command is not cli, line
        known = {name for parameter in command.params for name in parameter.opts} | {"--json"}
        assert {word for word in words if word.startswith("--")} <= known, line
