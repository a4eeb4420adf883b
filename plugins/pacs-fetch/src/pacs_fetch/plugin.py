"""The hooks of pacs-fetch: the work of fetching, and what has it done: the clock, and orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs_fetch.settings import FetchSettings
from pacs_framework import hookimpl

if TYPE_CHECKING:
    import click

    from pacs_framework.archive.archive import Archive
    from pacs_framework.background import Background
    from pacs_framework.conformance.records import Contribution
    from pacs_framework.jobs import JobKind
    from pacs_worklist.api import Item


@hookimpl
def config_models() -> type[FetchSettings]:
    """The section ``[plugin.fetch]``."""
    return FetchSettings


@hookimpl
def idle_hooks(settings: FetchSettings) -> Sequence[str]:
    """Where nothing is fetched for orders, nobody need tell of them."""
    priors = settings.priors
    wanted = priors.sources and priors.own_worklist and priors.on_order
    return () if wanted else ("on_scheduled_step",)


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """``pacs fetch``."""
    from pacs_fetch.commands import fetch  # noqa: PLC0415 - only the command line asks

    return [fetch]


# What follows imports the wire where it is used, not above: most commands need none of it.


@hookimpl
def job_kinds(archive: Archive, settings: FetchSettings) -> Sequence[JobKind]:
    """Fetching from each source, and finding what is to be fetched."""
    if not settings.source:
        return ()
    from pacs_fetch.crew import kinds_of  # noqa: PLC0415 - see above

    return list(kinds_of(archive, settings))


@hookimpl(optionalhook=True)
def on_scheduled_step(step: Item, archive: Archive, settings: FetchSettings) -> None:
    """Have priors looked for of who comes soon, once for each order."""
    from pacs_fetch.priors.ordered import order_of  # noqa: PLC0415 - see above

    order = order_of(step, settings.priors)
    if order is not None:
        archive.jobs.enqueue([order])


@hookimpl
def background(archive: Archive, settings: FetchSettings) -> Sequence[Background]:
    """What is due at times of day."""
    if not settings.source:
        return ()
    from pacs_fetch.crew import Crew  # noqa: PLC0415 - see above

    return [Crew(archive, settings)]


@hookimpl
def conformance(settings: FetchSettings) -> Sequence[Contribution]:
    """Document the associations that are opened."""
    from pacs_fetch.conformance import contributions  # noqa: PLC0415 - see above

    return contributions(settings)
