"""The hooks of pacs-routing: rules that follow the change feed, and the work of sending."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from pacs_framework import hookimpl
from pacs_routing.settings import RoutingSettings

if TYPE_CHECKING:
    import click

    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change
    from pacs_framework.background import Background
    from pacs_framework.conformance.records import Contribution
    from pacs_framework.jobs import JobKind


@hookimpl
def config_models() -> type[RoutingSettings]:
    """The section ``[plugin.routing]``."""
    return RoutingSettings


@hookimpl
def idle_hooks(settings: RoutingSettings) -> Collection[str]:
    """Without a rule nothing is to be looked at."""
    return () if settings.rule else ("on_stored",)


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """``pacs routing``."""
    from pacs_routing.commands import routing  # noqa: PLC0415 - only the command line asks

    return [routing]


# What follows imports the wire where it is used, not above: most commands need none of it.


@hookimpl
def job_kinds(archive: Archive, settings: RoutingSettings) -> Sequence[JobKind]:
    """Sending to each destination, and the timers of what waits for others."""
    if not settings.destination:
        return ()
    from pacs_routing.completing import timer_kind  # noqa: PLC0415 - see above
    from pacs_routing.crew import senders_of  # noqa: PLC0415 - see above

    sending = [sender.kind() for sender in senders_of(archive, settings)]
    return [*sending, timer_kind(archive)]


@hookimpl
def background(archive: Archive, settings: RoutingSettings) -> Sequence[Background]:
    """Ends what is being sent when the archive does."""
    if not settings.destination:
        return ()
    from pacs_routing.crew import Crew  # noqa: PLC0415 - see above

    return [Crew(archive, settings)]


@hookimpl
def on_stored(changes: Sequence[Change], archive: Archive, settings: RoutingSettings) -> None:
    """Ask the rules about what came in."""
    from pacs_routing.arrivals import arrived  # noqa: PLC0415 - see above

    arrived(changes, archive, settings)


@hookimpl
def conformance(settings: RoutingSettings) -> Sequence[Contribution]:
    """Document the associations that are opened."""
    from pacs_routing.conformance import contributions  # noqa: PLC0415 - see above

    return contributions(settings)
