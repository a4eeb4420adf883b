"""The hooks of pacs-ai: models of this plugin, what runs them, ``pacs ai``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from pacs_ai import hookspecs
from pacs_ai.settings import AiSettings
from pacs_framework import hookimpl

if TYPE_CHECKING:
    import click

    from pacs_ai.api import Model
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change
    from pacs_framework.background import Background
    from pacs_framework.conformance.records import Contribution
    from pacs_framework.jobs import JobKind
    from pacs_framework.tables import PluginTables


@hookimpl
def add_hookspecs() -> object:
    """Other plugins may bring models."""
    return hookspecs


@hookimpl
def config_models() -> type[AiSettings]:
    """The section ``[plugin.ai]``."""
    return AiSettings


@hookimpl
def idle_hooks(settings: AiSettings) -> Collection[str]:
    """Without triggers, nobody needs to read the change feed."""
    return () if settings.triggers else ("on_stored",)


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """``pacs ai``."""
    from pacs_ai.commands import ai  # noqa: PLC0415 - only the command line asks

    return [ai]


# What follows imports SQLAlchemy, NumPy or SciPy where it is used, not above: a command that only
# asks for plugins, such as `pacs echo`, needs none of them.


@hookimpl
def tables() -> PluginTables:
    """Runs, with what they were given and what they made."""
    from pacs_ai.tables import TABLES  # noqa: PLC0415 - see above

    return TABLES


@hookimpl
def job_kinds(archive: Archive, settings: AiSettings) -> Sequence[JobKind]:
    """Runs of models, which triggers and replays ask for."""
    from pacs_ai.ordering import kinds_of  # noqa: PLC0415 - see above

    return kinds_of(archive, settings)


@hookimpl(optionalhook=True)
def step_performers(archive: Archive, settings: AiSettings) -> Sequence[object]:
    """Steps that are for a model, where pacs-ups is installed."""
    if not settings.workitems:
        return []
    from pacs_ai.performing.performer import ModelPerformer  # noqa: PLC0415 - see above

    return [ModelPerformer(archive, settings)]


@hookimpl
def background(archive: Archive, settings: AiSettings) -> Sequence[Background]:
    """Ends the processes that wait for runs when the archive ends; looks at its start whether the
    models are there that are to run by themselves.
    """
    from pacs_ai.asked_for import AskedModels  # noqa: PLC0415 - see above
    from pacs_ai.keeping import WorkersEnd  # noqa: PLC0415 - see above

    asked = settings.triggers or settings.workitems
    return [*([AskedModels(archive, settings)] if asked else []), WorkersEnd(archive)]


@hookimpl
def on_stored(changes: Sequence[Change], archive: Archive, settings: AiSettings) -> None:
    """Have models run on series, once nothing more of them comes."""
    from pacs_ai.ordering import order_runs  # noqa: PLC0415 - see above

    order_runs(changes, archive, settings)


@hookimpl
def ai_models() -> Sequence[Model]:
    """Body, lungs, and Hounsfield units, by rules."""
    from pacs_ai.models.by_rules import Body, HounsfieldStatistics, Lungs  # noqa: PLC0415

    return [Body(), Lungs(), HounsfieldStatistics()]


@hookimpl
def conformance(settings: AiSettings) -> Sequence[Contribution]:
    """Document that the archive makes instances of its own."""
    from pacs_ai.conformance import contributions  # noqa: PLC0415 - only `pacs conformance` asks

    return contributions(settings)
