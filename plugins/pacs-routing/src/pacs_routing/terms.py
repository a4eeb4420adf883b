"""Words that several rooms of the plugin use."""

from __future__ import annotations

from pacs_routing.settings import Priority

__all__ = [
    "COMMIT",
    "COMPLETE",
    "DELIVERED",
    "DOOR",
    "JOB_PRIORITY",
    "NAME",
    "kind_of",
    "name_of",
    "version_key",
]

NAME = "routing"
"""The plugin's name."""

DOOR = "routing"
"""What a `pacs_framework.archive.outgoing.Recipient` has as its door."""

COMPLETE = "routing.complete"
"""The kind of jobs that are timers: a series or a study is quiet, so what waits of it goes out."""

DELIVERED = "routing.delivered"
"""The kind of jobs that wait until all has arrived of what is to be deleted."""

COMMIT = "routing.commit"
"""The kind of jobs that ask for storage commitment, and delete."""

JOB_PRIORITY = {Priority.LOW: -10, Priority.MEDIUM: 0, Priority.HIGH: 10}

_SEND = "routing.send."
_DIGITS = 32  # of a digest, which are enough to tell two versions of one instance apart


def kind_of(destination: str) -> str:
    """The kind of jobs that send to a destination of this name."""
    return f"{_SEND}{destination}"


def name_of(kind: str) -> str:
    """The destination of a kind of jobs."""
    return kind.removeprefix(_SEND)


def version_key(sop_instance_uid: str, dataset_digest: bytes) -> str:
    """The key of the job that sends this version of an instance to a destination."""
    return f"{sop_instance_uid} {dataset_digest.hex()[:_DIGITS]}"
