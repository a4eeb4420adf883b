"""The hooks of pacs-jobs: the queue, who does its jobs, and a kind of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs_framework import hookimpl
from pacs_jobs.settings import JobsSettings

if TYPE_CHECKING:
    import click

    from pacs_framework.archive.archive import Archive
    from pacs_framework.background import Background
    from pacs_framework.jobs import JobKind, JobKinds, JobQueue
    from pacs_framework.tables import PluginTables


@hookimpl
def config_models() -> type[JobsSettings]:
    """The section ``[plugin.jobs]``."""
    return JobsSettings


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """``pacs jobs``."""
    from pacs_jobs.commands import jobs  # noqa: PLC0415 - only the command line asks

    return [jobs]


# What follows imports SQLAlchemy where it is used, not above: a command that only asks for
# plugins, such as `pacs echo`, does not need it.


@hookimpl
def tables() -> PluginTables:
    """Jobs, what they wrote down, and kinds that wait."""
    from pacs_jobs.tables import TABLES  # noqa: PLC0415 - see above

    return TABLES


@hookimpl
def job_queue(archive: Archive, kinds: JobKinds, settings: JobsSettings) -> JobQueue:
    """The queue of every plugin, in tables of this one."""
    from pacs_jobs.queue import TableQueue  # noqa: PLC0415 - see above
    from pacs_jobs.tables import NAME  # noqa: PLC0415 - see above

    return TableQueue(archive.tables(NAME), archive.data, kinds, settings.keep)


@hookimpl
def job_kinds(archive: Archive) -> Sequence[JobKind]:
    """``verify``."""
    from pacs_jobs.verifying import verify_kind  # noqa: PLC0415 - see above

    return [verify_kind(archive)]


@hookimpl
def background(archive: Archive, settings: JobsSettings) -> Sequence[Background]:
    """Do jobs, where this node is to."""
    from pacs_jobs.queue import TableQueue  # noqa: PLC0415 - see above
    from pacs_jobs.worker import Worker  # noqa: PLC0415 - see above

    if not settings.work or not isinstance(archive.jobs, TableQueue):
        return []
    return [Worker(archive.jobs, settings)]
