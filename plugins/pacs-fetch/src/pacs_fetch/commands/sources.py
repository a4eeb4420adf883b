"""``pacs fetch sources``: where studies are fetched from, and what waits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from pacs_fetch.commands.opening import beside
from pacs_fetch.sources import OtherArchive
from pacs_fetch.terms import kind_of
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.jobs import JobState

if TYPE_CHECKING:
    from pacs_fetch.settings import Source
    from pacs_framework.archive.archive import Archive
    from pacs_framework.jobs import JobSummary, Pause

__all__ = ["sources"]

_STATES = (JobState.WAITING, JobState.RUNNING, JobState.FAILED, JobState.DONE)
_COLUMNS = ("SOURCE", "WHERE", "BY", *(state.name for state in _STATES), "NOW")


@click.command("sources")
@archive_options
@json_option
def sources(choice: ArchiveChoice, as_json: bool) -> None:
    """List the sources, with the studies that are to be fetched and whether they are away.

    \b
    Example:
        pacs fetch sources --json
    """
    with beside(choice) as (archive, settings):
        summary = archive.jobs.summary()
        pauses = {pause.kind: pause for pause in archive.jobs.pauses()}
        found = [_facts(archive, each, summary, pauses) for each in settings.source]
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, [_row(each) for each in found])


def _facts(
    archive: Archive,
    settings: Source,
    summary: Iterable[JobSummary],
    pauses: Mapping[str, Pause],
) -> dict[str, Any]:
    kind = kind_of(settings.name)
    of_kind = {each.state: each.count for each in summary if each.kind == kind}
    pause = pauses.get(kind)
    until = pause.until if pause else None
    return {
        "source": settings.name,
        "where": OtherArchive(archive, settings).where,
        "retrieve": str(settings.retrieve),
        **{str(state): of_kind.get(state, 0) for state in _STATES},
        "paused": pause is not None,
        "paused_until": until and until.isoformat(timespec="seconds"),
        "reason": pause.reason if pause else "",
    }


def _row(facts: Mapping[str, Any]) -> tuple[str, ...]:
    now = "ready"
    if facts["paused"]:
        now = f"waits until {facts['paused_until'] or 'it is resumed'}: {facts['reason']}"
    counts = (str(facts[str(state)]) for state in _STATES)
    return facts["source"], facts["where"], facts["retrieve"], *counts, now
