"""Commands whose help is in Vietnamese, and that take no empty option.

`Command` and `Group` are given to click as `cls`; the commands of a Group are `Command` by themselves.
"""

from __future__ import annotations

from typing import Any, Final

import click

_WORDS: Final = (
    ("INTEGER RANGE", "SỐ"),
    ("INTEGER", "SỐ"),
    ("  [required]", "  (bắt buộc)"),
    ("[default: ", "[mặc định: "),
    ("[x>=1]", "[từ 1]"),
)


class _Vietnamese(click.Command):
    """What `Command` and `Group` share."""

    def __init__(self, *args: Any, **attrs: Any) -> None:
        attrs.setdefault("options_metavar", "[TÙY CHỌN]")
        super().__init__(*args, **attrs)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        for param in self.params:
            # An unset shell variable (--as-of "$DAY") must not silently ask another question.
            if isinstance(param, click.Option) and ctx.params.get(param.name or "") == "":
                raise click.BadParameter("empty", ctx=ctx, param=param)
        return rest

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = "In hướng dẫn này."
        return option

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, " ".join(self.collect_usage_pieces(ctx)), prefix="Cách dùng: ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        records = [record for option in options if (record := option.get_help_record(ctx)) is not None]
        if records:
            with formatter.section("Tùy chọn"):
                formatter.write_dl([(_said(names), _said(text)) for names, text in records])


def _said(text: str) -> str:
    for english, vietnamese in _WORDS:
        text = text.replace(english, vietnamese)
    return text


class Command(_Vietnamese):
    """A command that does something."""


class Group(_Vietnamese, click.Group):
    """A command with commands of its own, each listed with its whole sentence."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **attrs: Any) -> None:
        attrs.setdefault("subcommand_metavar", "LỆNH [THAM SỐ]...")
        super().__init__(*args, **attrs)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        known = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Lệnh"):
            formatter.write_dl([(name, found.get_short_help_str(limit=1000)) for name, found in known if found is not None])
