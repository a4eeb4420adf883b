"""Groups one of whose commands needs no name: ``pacs backup TO`` beside ``pacs backup list``."""

from __future__ import annotations

from typing import Any

import click

__all__ = ["DefaultGroup"]


class DefaultGroup(click.Group):
    """Runs the command ``default`` where the first argument names none.

    What has the name of a command and is to be an argument is written ``./NAME``.
    """

    def __init__(self, *arguments: Any, default: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As a group does, with the name of the default put in where it was left out."""
        own = {*ctx.help_option_names}
        if args and args[0] not in self.commands and args[0] not in own:
            args = [self.default, *args]
        return super().parse_args(ctx, args)
