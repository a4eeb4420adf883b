"""The rows, in families: those of one family share one start of each peer."""

from __future__ import annotations

from dataclasses import dataclass

from bench.rows import (
    association,
    dicomweb,
    forwarding,
    growth,
    idle,
    lifecycle,
    retrieve,
    stock,
    store,
    transcoding,
)
from bench.rows.base import Row

__all__ = [
    "AI",
    "CODECS",
    "FAMILIES",
    "FIND",
    "HOOKS",
    "JOBS",
    "MPPS",
    "PRINT",
    "WORKLIST",
    "Family",
    "family_names",
]

CODECS, FIND, HOOKS, MPPS, WORKLIST = "codecs", "find", "hooks", "mpps", "worklist"
AI, JOBS, PRINT = "ai", "jobs", "print"
"""Families with a set-up of their own."""


@dataclass(frozen=True, slots=True)
class Family:
    """Rows that are measured together."""

    name: str
    rows: list[Row]


FAMILIES = [
    Family("wire", association.ROWS),
    Family("small", store.SMALL),
    Family("medium", store.MEDIUM),
    Family("large", store.LARGE),
    Family("s3", store.S3),
    Family("nodes", store.NODES),
    Family("retrieve", [*retrieve.ROWS, *stock.TUNED]),
    Family("forwarding", forwarding.ROWS),
    Family("dicomweb", dicomweb.ROWS),
    Family("transcoding", transcoding.ROWS),
    Family("idle", idle.ROWS),
    Family("growth", growth.ROWS),
    Family("lifecycle", lifecycle.ROWS),
    Family("stock", stock.STOCK),
]


def family_names() -> list[str]:
    """The names that ``--rows`` takes for whole families."""
    return [
        *(family.name for family in FAMILIES),
        AI,
        CODECS,
        FIND,
        HOOKS,
        JOBS,
        MPPS,
        PRINT,
        WORKLIST,
    ]
