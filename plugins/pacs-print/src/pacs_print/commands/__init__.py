"""``pacs print``: printers, their queue, and printing elsewhere."""

from __future__ import annotations

import click

from pacs_framework.cli.lazy import LazyGroup

__all__ = ["print_"]

_PLACES = {
    "queue": "pacs_print.commands.looking:queue",
    "show": "pacs_print.commands.looking:show",
    "printers": "pacs_print.commands.looking:printers",
    "cancel": "pacs_print.commands.changing:cancel",
    "hold": "pacs_print.commands.changing:hold",
    "release": "pacs_print.commands.changing:release",
    "reprint": "pacs_print.commands.changing:reprint",
    "series": "pacs_print.commands.series:series",
    "send": "pacs_print.commands.sending:send",
    "status": "pacs_print.commands.asking:status",
    "test-pattern": "pacs_print.commands.pattern:test_pattern",
}


@click.group("print", cls=LazyGroup, places=_PLACES)
def print_() -> None:
    """Film printers: jobs of this archive's own, and printing on others.

    \b
    Example:
        pacs print queue
        pacs print send 10.0.0.9 104 *.dcm --layout 3x4 --film 14INX17IN
    """
