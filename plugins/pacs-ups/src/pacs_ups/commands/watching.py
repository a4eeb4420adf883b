"""``pacs ups subscriptions``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_ups.commands.opening import opened
from pacs_ups.state.model import FILTERED, GLOBAL, Subscription
from pacs_ups.state.outbox import Subscriber

__all__ = ["subscriptions"]

_SCOPES = {GLOBAL: "all steps", FILTERED: "steps that match"}


@click.command("subscriptions")
@archive_options
@click.option("--end", metavar="AET", default="", help="End all of this AE's, locks included.")
@click.option("--retry", is_flag=True, help="Try those again now that could not be told.")
@json_option
def subscriptions(choice: ArchiveChoice, end: str, retry: bool, as_json: bool) -> None:
    """List who is told of which steps, what waits to be told, and which event channels are open.

    \b
    Example:
        pacs ups subscriptions --json
        pacs ups subscriptions --end OLDVIEWER
    """
    with opened(choice) as local:
        if end:
            local.subscriptions.unsubscribe(GLOBAL, end)
        if retry:
            local.outbox.retry()
            local.ring()
        found = [_row(each) for each in local.subscriptions.listed()]
        waiting = [_waiting(*each) for each in local.outbox.subscribers()]
        channels = [{"aet": aet, "events": events} for aet, events in local.channels.listed()]
    if as_json:
        print_json({"subscriptions": found, "waiting": waiting, "channels": channels})
        return
    _print(found, ("aet", "scope", "lock"), "nobody is subscribed")
    _print(waiting, ("aet", "events", "attempts", "due", "error"), "nothing waits to be told")
    _print(channels, ("aet", "events"), "no event channel is open")


def _row(found: Subscription) -> dict[str, Any]:
    row: dict[str, Any] = {
        "aet": found.aet,
        "scope": _SCOPES.get(found.uid, found.uid),
        "lock": found.locked,
    }
    return row if found.keys is None else row | {"keys": found.keys.to_json_dict()}


def _waiting(found: Subscriber, events: int) -> dict[str, Any]:
    return {
        "aet": found.aet,
        "events": events,
        "attempts": found.attempts,
        "due": "" if found.due is None else found.due.isoformat(timespec="seconds"),
        "error": found.error,
    }


def _print(rows: list[dict[str, Any]], columns: Iterable[str], nothing: str) -> None:
    if not rows:
        click.echo(nothing, err=True)
        return
    names = list(columns)
    cells = [
        ["yes" if row[n] is True else "no" if row[n] is False else str(row[n]) for n in names]
        for row in rows
    ]
    print_table([name.upper() for name in names], cells)
