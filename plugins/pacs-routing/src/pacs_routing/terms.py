"""Words that several rooms of the plugin use."""

from __future__ import annotations

from pacs_routing.settings import Priority

__all__ = ["COMPLETE", "DOOR", "JOB_PRIORITY", "NAME", "kind_of", "name_of"]

NAME = "routing"
"""The plugin's name."""

DOOR = "routing"
"""What a `pacs_framework.archive.outgoing.Recipient` has as its door."""

COMPLETE = "routing.complete"
"""The kind of jobs that are timers: a series or a study is quiet, so what waits of it goes out."""

JOB_PRIORITY = {Priority.LOW: -10, Priority.MEDIUM: 0, Priority.HIGH: 10}

_SEND = "routing.send."


def kind_of(destination: str) -> str:
    """The kind of jobs that send to a destination of this name."""
    return f"{_SEND}{destination}"


def name_of(kind: str) -> str:
    """The destination of a kind of jobs."""
    return kind.removeprefix(_SEND)
