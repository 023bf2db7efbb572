"""What every command says of itself, and that saying it loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from apps import cli
from apps.help import Command, Group

HEAVY = (
    "pandas", "numpy", "scipy", "sqlalchemy", "psycopg2", "yaml", "rich", "prefect", "great_expectations", "openpyxl",
    "flows.steps", "sources", "warehouse", "scoring", "criteria", "messages",
)  # fmt: skip
ENGLISH = ("Usage", "Options", "Commands", "Show this", "required", "default:", "INTEGER", "COMMAND", "ARGS", "OPTIONS")


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in sorted(group.commands.items()):
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))


ALL = dict(_commands(cli.cli))


def test_importing_the_commands_loads_nothing_heavy() -> None:
    """`cchc --help` answers within 0.3 s because no command imports what it needs before it runs."""
    modules = [
        f"apps.commands.{path.stem}" for path in Path(cli.__file__).parent.glob("commands/*.py") if path.stem != "__init__"
    ]
    code = (
        f"import sys, importlib; [importlib.import_module(m) for m in {['apps.cli', *modules]!r}]; print('\\n'.join(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert len(modules) >= 8 and "apps.commands.scenario" in loaded
    assert not [name for name in loaded for heavy in HEAVY if name == heavy or name.startswith(f"{heavy}.")]


@pytest.mark.parametrize("words", [(), *ALL], ids=" ".join)
def test_help_is_vietnamese_and_whole(words: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(cli.cli, [*words, "--help"], terminal_width=80)
    assert answer.exit_code == 0 and answer.output.startswith("Cách dùng: ")
    assert not [word for word in ENGLISH if word in answer.output], answer.output
    assert unicodedata.is_normalized("NFC", answer.output) and max(map(len, answer.output.splitlines())) <= 80
    command = ALL.get(words, cli.cli)
    assert isinstance(command, (Command, Group))
    if isinstance(command, click.Group):
        said = " ".join(answer.output.split())
        for child in command.commands.values():
            assert " ".join(child.get_short_help_str(limit=1000).split()) in said


def test_every_command_takes_json() -> None:
    for words, command in ALL.items():
        if not isinstance(command, click.Group):
            assert "--json" in [name for param in command.params for name in param.opts], words


def test_no_option_is_empty() -> None:
    """`--as-of "$DAY"` with DAY unset must not ask another question."""
    tried = 0
    for words, command in ALL.items():
        for param in command.params:
            if not isinstance(param, click.Option) or param.is_flag or param.type is not click.STRING:
                continue
            needed = [part for other in command.params if other.required and other is not param for part in _given(other)]
            with pytest.raises(click.BadParameter), click.Context(cli.cli) as ctx:
                command.make_context(words[-1], [*needed, param.opts[0], ""], parent=ctx)
            tried += 1
    assert tried > 60


def _given(param: click.Parameter) -> list[str]:
    value = "1" if param.type in (click.INT,) else "x"
    return [param.opts[0], value] if isinstance(param, click.Option) else [value] * max(1, param.nargs)
