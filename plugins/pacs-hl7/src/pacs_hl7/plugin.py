"""The hooks of pacs-hl7: listener and senders, tables, commands, what pacs-mpps tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pacs_framework import hookimpl
from pacs_hl7.settings import Hl7Settings

if TYPE_CHECKING:
    import click

    from pacs_framework.archive.archive import Archive
    from pacs_framework.background import Background
    from pacs_framework.tables import PluginTables


@hookimpl
def config_models() -> type[Hl7Settings]:
    """The section ``[plugin.hl7]``."""
    return Hl7Settings


@hookimpl
def idle_hooks(settings: Hl7Settings) -> Sequence[str]:
    """What pacs-mpps tells and no receiver wants, it need not tell."""
    wanted = {kind for receiver in settings.receivers.values() for kind in receiver.messages}
    if not wanted:
        return ("on_study_complete", "on_procedure_step")
    return () if "ORM^O01" in wanted else ("on_procedure_step",)


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """``pacs hl7``."""
    from pacs_hl7.commands import hl7  # noqa: PLC0415 - only the command line asks

    return [hl7]


# What follows imports SQLAlchemy or asyncio where it is used, not above: a command that only asks
# for plugins, such as `pacs echo`, needs neither.


@hookimpl
def tables() -> PluginTables:
    """Messages that came in, and those that are to go out."""
    from pacs_hl7.tables import TABLES  # noqa: PLC0415 - see above

    return TABLES


@hookimpl
def background(archive: Archive, settings: Hl7Settings) -> Sequence[Background]:
    """Listen, and send what is queued."""
    from pacs_hl7.running import Hl7  # noqa: PLC0415 - see above

    return [Hl7(archive, settings)]


@hookimpl(optionalhook=True)
def on_study_complete(study: Any, archive: Archive, settings: Hl7Settings) -> None:
    """Queue ORU^R01 and the status of its orders."""
    from pacs_hl7.telling import study_completed  # noqa: PLC0415 - see above

    study_completed(study, archive, settings)


@hookimpl(optionalhook=True)
def on_procedure_step(step: Any, archive: Archive, settings: Hl7Settings) -> None:
    """Queue the status of the orders of a step that began or was discontinued."""
    from pacs_hl7.telling import step_changed  # noqa: PLC0415 - see above

    step_changed(step, archive, settings)
