"""``pacs routing destinations`` and ``echo``: where instances go, and whether that is there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.jobs import JobState
from pacs_routing.commands.opening import beside, chosen
from pacs_routing.crew import place_of
from pacs_routing.places.contract import Away
from pacs_routing.statistics import Figures, Statistics
from pacs_routing.terms import kind_of

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.jobs import JobSummary, Pause
    from pacs_routing.settings import Destination

__all__ = ["destinations", "echo"]

_COLUMNS = (
    *("DESTINATION", "WHERE", "WAITING", "HELD", "RUNNING", "FAILED", "SENT", "BYTES", "OLDEST"),
    *("ECHO", "LAST ERROR", "NOW"),
)
_STATES = (JobState.WAITING, JobState.HELD, JobState.RUNNING, JobState.FAILED, JobState.DONE)


@click.command("destinations")
@archive_options
@click.argument("names", nargs=-1)
@json_option
def destinations(choice: ArchiveChoice, names: tuple[str, ...], as_json: bool) -> None:
    """List destinations, or those called NAMES: what waits for them, what they got, who is away.

    \b
    Example:
        pacs routing destinations --json
    """
    with beside(choice) as (archive, settings):
        wanted = chosen(settings, names)
        summary = archive.jobs.summary()
        pauses = {pause.kind: pause for pause in archive.jobs.pauses()}
        figures = Statistics(archive).all()
        found = [
            _facts(archive, each, summary, pauses) | _figures(figures.get(each.name, Figures()))
            for each in wanted
        ]
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, [_row(each) for each in found])


def _facts(
    archive: Archive,
    settings: Destination,
    summary: Iterable[JobSummary],
    pauses: Mapping[str, Pause],
) -> dict[str, Any]:
    kind = kind_of(settings.name)
    of_kind = {each.state: each for each in summary if each.kind == kind}
    waiting = of_kind.get(JobState.WAITING)
    pause = pauses.get(kind)
    return {
        "destination": settings.name,
        "where": place_of(archive, settings).where(),
        **{str(state): of_kind[state].count if state in of_kind else 0 for state in _STATES},
        "oldest_waiting": waiting and _moment(waiting.oldest),
        "paused": pause is not None,
        "paused_until": pause and pause.until and _moment(pause.until),
        "reason": pause.reason if pause else "",
    }


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "sent": figures.sent,
        "bytes": figures.size,
        "refused": figures.refused,
        "last_sent": figures.last_sent and _moment(figures.last_sent),
        "last_error": figures.error,
        "last_error_at": figures.error_at and _moment(figures.error_at),
        "echo": figures.echo,
        "echo_at": figures.echo_at and _moment(figures.echo_at),
        "there": figures.there,
    }


def _row(facts: Mapping[str, Any]) -> tuple[str, ...]:
    now = "ready"
    if facts["paused"]:
        now = f"waits until {facts['paused_until'] or 'it is resumed'}: {facts['reason']}"
    counts = (str(facts[str(state)]) for state in _STATES if state is not JobState.DONE)
    told = (f"{at} {said}" if said else "" for at, said in _told(facts))
    return (
        *(facts["destination"], facts["where"], *counts, str(facts["sent"]), str(facts["bytes"])),
        *(facts["oldest_waiting"] or "", *told, now),
    )


def _told(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The last echo and the last error, each with its time."""
    yield facts["echo_at"], facts["echo"]
    yield facts["last_error_at"], facts["last_error"]


def _moment(value: dt.datetime) -> str:
    return value.isoformat(timespec="seconds")


@click.command("echo")
@archive_options
@click.argument("names", nargs=-1)
@json_option
def echo(choice: ArchiveChoice, names: tuple[str, ...], as_json: bool) -> None:
    """See whether destinations are there; exit code 1 if one is not.

    Nodes by C-ECHO, DICOMweb servers by a search, folders and buckets by a look at them.

    \b
    Example:
        pacs routing echo reading
    """
    with beside(choice) as (archive, settings):
        found = [_echoed(archive, each) for each in chosen(settings, names)]
    if as_json:
        print_json(found)
    else:
        rows = [
            (each["destination"], each["where"], f"{each['seconds']:.3f} s", each["answer"])
            for each in found
        ]
        print_table(("DESTINATION", "WHERE", "TIME", "ANSWER"), rows)
    if not all(each["there"] for each in found):
        raise click.exceptions.Exit(1)


def _echoed(archive: Archive, settings: Destination) -> dict[str, Any]:
    place, started = place_of(archive, settings), monotonic()
    try:
        answer, there = place.check(), True
    except Away as error:
        answer, there = str(error), False
    Statistics(archive).echoed(settings.name, answer, there=there)
    return {
        "destination": settings.name,
        "where": place.where(),
        "there": there,
        "answer": answer,
        "seconds": round(monotonic() - started, 3),
    }
