"""``pacs hl7``: messages that came in, messages that go out, mapping files."""

from __future__ import annotations

import click

from pacs_framework.cli.lazy import LazyGroup

__all__ = ["hl7"]

_PLACES = {
    "messages": "pacs_hl7.commands.messages:messages",
    "queue": "pacs_hl7.commands.queue:queue",
    "send": "pacs_hl7.commands.send:send",
    "mapping": "pacs_hl7.commands.mappings:mapping",
    "check-mapping": "pacs_hl7.commands.mappings:check_mapping",
}


@click.group("hl7", cls=LazyGroup, places=_PLACES)
def hl7() -> None:
    """Look at HL7 messages that came in and go out, try them again, check mappings.

    \b
    Example:
        pacs hl7 messages list --rejected
        pacs hl7 check-mapping mapping.toml order.hl7
    """
