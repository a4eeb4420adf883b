"""Runs as JSON and as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydicom.uid import UID

from pacs_framework.cli.output import print_json, print_table

if TYPE_CHECKING:
    from pacs_ai.book import Book, RunRecord

__all__ = ["as_row", "print_runs", "result_rows"]


def as_row(record: RunRecord) -> dict[str, str]:
    """A run without its log."""
    return {
        "uid": record.uid,
        "model": record.model,
        "version": record.version,
        "runner": record.runner,
        "digest": record.digest,
        "study": record.study_instance_uid,
        "series": record.series_instance_uid,
        "state": record.state.value,
        "reason": record.reason,
        "started": record.started.isoformat(timespec="milliseconds"),
        "ended": record.ended.isoformat(timespec="milliseconds") if record.ended else "",
    }


def result_rows(book: Book, record: RunRecord) -> list[dict[str, str | bool]]:
    """What a run made."""
    return [
        {
            "sop_instance_uid": made.sop_instance_uid,
            "series": made.series_instance_uid,
            "sop_class": UID(made.sop_class_uid).name,
            "stored": made.stored,
        }
        for made in book.results(record)
    ]


def print_runs(records: Sequence[RunRecord], *, as_json: bool) -> None:
    """Some runs, in their order."""
    rows = [as_row(record) for record in records]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("run", "model", "state", "series", "started", "reason"),
        [
            (
                row["uid"],
                f"{row['model']}@{row['version']}",
                row["state"],
                row["series"],
                row["started"][:19],
                row["reason"],
            )
            for row in rows
        ],
    )
