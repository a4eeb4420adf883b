"""The queue of the chosen archive, for a command beside it; and which jobs a command is about."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pacs_framework.errors import PacsError
from pacs_framework.jobs import JobFilter, JobState
from pacs_jobs.queue import TableQueue
from pacs_jobs.settings import JobsSettings
from pacs_jobs.tables import NAME

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from pacs_framework.app import Configured
    from pacs_framework.cli.options import ArchiveChoice

__all__ = ["JobId", "filter_options", "opened"]

_F = TypeVar("_F", bound=Callable[..., Any])
_COMPLETIONS = 50


@contextmanager
def opened(choice: ArchiveChoice) -> Iterator[TableQueue]:
    """The queue, to look at and to change. Raises as a start does."""
    configured = choice.configured()
    with configured.open_tables() as tables:
        yield TableQueue(tables(NAME), configured.data, None, _settings(configured).keep)


def _settings(configured: Configured) -> JobsSettings:
    found = (plugin.settings for plugin in configured.plugins.active if plugin.name == NAME)
    settings = next(found, None)
    return settings if isinstance(settings, JobsSettings) else JobsSettings()


class JobId(click.ParamType[str]):
    """The id of a job; a shell completes it with those of the archive, the newest first."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """A decimal number."""
        if not (value.isascii() and value.isdecimal()):
            self.fail(f"{value!r} is no id of a job; `pacs jobs list` shows them", param, ctx)
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Ids with kind and state beside; none where the archive cannot be asked."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - for a shell alone

        from pacs_framework.cli.options import ArchiveChoice  # noqa: PLC0415 - the same

        del param
        choice = ArchiveChoice(config=ctx.params.get("config"), data=ctx.params.get("data"))
        try:
            with ctx.scope(), opened(choice) as queue:
                found = queue.find(JobFilter(), most=1000)
        except PacsError:
            return []
        fitting = [each for each in found if each.id.startswith(incomplete)]
        return [
            CompletionItem(each.id, help=f"{each.kind} {each.state}")
            for each in fitting[:_COMPLETIONS]
        ]


def filter_options(command: _F) -> _F:
    """Add the options that select jobs; they come as one `JobFilter`, ``which``."""

    @functools.wraps(command)
    def run(
        ids: tuple[str, ...],
        kinds: tuple[str, ...],
        states: tuple[str, ...],
        key: str,
        lane: str,
        reason: str,
        **rest: Any,
    ) -> Any:
        which = JobFilter(
            ids=ids,
            kinds=kinds,
            states=[JobState(state) for state in states],
            key=key,
            lane=lane,
            failed_like=reason,
        )
        return command(which=which, **rest)

    for decorate in (
        click.option(
            "--reason", default="", metavar="TEXT", help="Dead letters whose reason has this in it."
        ),
        click.option("--lane", default="", help="Only jobs of this lane."),
        click.option("--key", default="", help="Only jobs of this key."),
        click.option(
            "--state",
            "states",
            multiple=True,
            type=click.Choice([state.value for state in JobState]),
            help="Only jobs in this state; may be given again.",
        ),
        click.option(
            "--kind", "kinds", multiple=True, help="Only jobs of this kind; may be given again."
        ),
        click.argument("ids", nargs=-1, type=JobId(), metavar="[ID]..."),
    ):
        run = decorate(run)
    return run  # type: ignore[return-value]
