"""The hooks of pacs-routing: rules that follow the change feed, and the work of sending."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from pacs_framework import hookimpl
from pacs_routing.settings import CompleteBy, RoutingSettings

if TYPE_CHECKING:
    import click

    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change
    from pacs_framework.background import Background
    from pacs_framework.conformance.records import Contribution
    from pacs_framework.jobs import JobKind
    from pacs_framework.tables import PluginTables


@hookimpl
def add_hookspecs() -> object:
    """Other plugins may ask destinations for storage commitment."""
    from pacs_routing import hookspecs  # noqa: PLC0415 - see below

    return hookspecs


@hookimpl
def config_models() -> type[RoutingSettings]:
    """The section ``[plugin.routing]``."""
    return RoutingSettings


@hookimpl
def idle_hooks(settings: RoutingSettings) -> Collection[str]:
    """Without a rule nothing is to be looked at, and steps only where one waits for them."""
    idle = () if settings.rule else ("on_stored",)
    if any(CompleteBy.MPPS in rule.complete_by for rule in settings.rule):
        return idle
    return (*idle, "on_study_complete", "on_procedure_step")


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """``pacs routing``."""
    from pacs_routing.commands import routing  # noqa: PLC0415 - only the command line asks

    return [routing]


# What follows imports the wire where it is used, not above: most commands need none of it.


@hookimpl
def tables() -> PluginTables:
    """Performed procedure steps that rules wait for."""
    from pacs_routing.tables import TABLES  # noqa: PLC0415 - see above

    return TABLES


@hookimpl
def job_kinds(archive: Archive, settings: RoutingSettings) -> Sequence[JobKind]:
    """Sending to each destination, and the timers of what waits for others."""
    if not settings.destination:
        return ()
    from pacs_routing.completing import timer_kind  # noqa: PLC0415 - see above
    from pacs_routing.crew import senders_of  # noqa: PLC0415 - see above

    sending = [sender.kind() for sender in senders_of(archive, settings)]
    return [*sending, timer_kind(archive), *_committing(archive, settings)]


def _committing(archive: Archive, settings: RoutingSettings) -> Sequence[JobKind]:
    if not any(rule.delete_when_committed for rule in settings.rule):
        return ()
    from pacs_routing.committing.delivered import delivered_kind  # noqa: PLC0415 - see above
    from pacs_routing.crew import asker_of  # noqa: PLC0415 - see above

    return [delivered_kind(archive, settings), asker_of(archive, settings).kind()]


@hookimpl(optionalhook=True)
def commitment_reported(transaction_uid: str, archive: Archive, settings: RoutingSettings) -> None:
    """Have the job that waits for a report looked at now."""
    if not any(rule.delete_when_committed for rule in settings.rule):
        return
    from pacs_routing.committing.waking import wake  # noqa: PLC0415 - see above
    from pacs_routing.terms import COMMIT  # noqa: PLC0415 - see above

    wake(archive, COMMIT, key=transaction_uid)


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


@hookimpl(optionalhook=True)
def on_study_complete(study: Any, archive: Archive, settings: RoutingSettings) -> None:
    """Send what waits until its performed procedure steps are over."""
    from pacs_routing.performed import study_completed  # noqa: PLC0415 - see above

    study_completed(study, archive, settings)


@hookimpl(optionalhook=True)
def on_procedure_step(step: Any, archive: Archive, settings: RoutingSettings) -> None:
    """Wait again with a study of which a step begins."""
    from pacs_routing.performed import step_changed  # noqa: PLC0415 - see above

    step_changed(step, archive, settings)


@hookimpl
def conformance(settings: RoutingSettings) -> Sequence[Contribution]:
    """Document the associations that are opened."""
    from pacs_routing.conformance import contributions  # noqa: PLC0415 - see above

    return contributions(settings)
