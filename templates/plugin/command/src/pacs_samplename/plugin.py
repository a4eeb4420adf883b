"""The hooks: one command."""

from __future__ import annotations

from collections.abc import Sequence

import click
from pacs_framework import hookimpl

from pacs_samplename.command import count_command

__all__ = ["cli_commands"]


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """Add ``pacs samplename``."""
    return [count_command]
