"""The group ``pacs anonymize``, which takes paths as well as names of commands."""

from __future__ import annotations

import click

from pacs_framework.cli.lazy import LazyGroup

__all__ = ["anonymize"]

_PLACES = {
    "import-recipe": "pacs_anonymize.commands.import_recipe:command",
    "lint": "pacs_anonymize.commands.lint:command",
    "make-key": "pacs_anonymize.commands.make_key:command",
    "preview": "pacs_anonymize.commands.preview:command",
    "profiles": "pacs_anonymize.commands.profiles:command",
    "pseudonyms": "pacs_anonymize.commands.pseudonyms:command",
    "quarantine": "pacs_anonymize.commands.quarantine:command",
    "restore": "pacs_anonymize.commands.restore:command",
    "run": "pacs_anonymize.commands.run:command",
    "vault": "pacs_anonymize.commands.vault:command",
}
_DEFAULT = "run"


class _PathsFirst(LazyGroup):
    """What begins with none of its commands is for the default one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.places, *ctx.help_option_names):
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.group("anonymize", cls=_PathsFirst, places=_PLACES)
def anonymize() -> None:
    """De-identify DICOM files by the profiles of PS3.15 Annex E, and look after these profiles.

    Without the name of a command, `run` is meant. A path that is called like a command is written
    with its folder: ./lint.

    \b
    Example:
        pacs anonymize ~/studies -o ~/anonymous
        pacs anonymize lint site.toml
    """
