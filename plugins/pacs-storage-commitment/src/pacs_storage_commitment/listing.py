"""What commands do with the book: open it, and print what stands in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pacs_framework.cli.output import print_table
from pacs_framework.waking import ring
from pacs_storage_commitment.book import Book, Transaction
from pacs_storage_commitment.model import FailureReason, Reference
from pacs_storage_commitment.tables import NAME
from pacs_storage_commitment.worker import FOLDER, RETRY_BELL

if TYPE_CHECKING:
    import datetime as dt

    from pacs_framework.cli.options import ArchiveChoice

__all__ = ["open_book", "print_details", "print_transactions", "retried", "ring_archive", "row"]

_COLUMNS = ("transaction", "asked", "peer", "state", "instances", "failed", "begun", "error")


@contextmanager
def open_book(choice: ArchiveChoice) -> Iterator[Book]:
    """The book of the archive, beside which it may run."""
    with choice.configured().open_tables() as tables:
        yield Book(tables(NAME))


def retried(choice: ArchiveChoice, transaction_uid: str) -> int:
    """Make reports due; how many."""
    with open_book(choice) as book:
        return book.retry(transaction_uid)


def ring_archive(choice: ArchiveChoice) -> None:
    """Wake the archive on this machine, if it runs."""
    ring(choice.settings().archive.data / FOLDER / RETRY_BELL)


def row(
    found: Transaction, results: Sequence[tuple[Reference, int | None]] | None = None
) -> dict[str, object]:
    """For ``--json``; with ``results`` each instance, too."""
    told: dict[str, object] = {
        "transaction_uid": found.transaction_uid,
        "asked": _asked(found),
        "peer_aet": found.peer_aet,
        "state": str(found.state),
        "instances": found.total,
        "failed": found.failed,
        "begun": _moment(found.begun),
        "ended": _moment(found.ended),
        "attempts": found.attempts,
        "due": _moment(found.due),
        "error": found.error,
    }
    if results is not None:
        told["results"] = [
            {
                "sop_class_uid": reference.sop_class_uid,
                "sop_instance_uid": reference.sop_instance_uid,
                "committed": None if reason is None else reason == 0,
                "failure_reason": f"{reason:04X}" if reason else "",
            }
            for reference, reason in results
        ]
    return told


def print_transactions(found: Sequence[Transaction]) -> None:
    """One line for each."""
    if not found:
        click.echo("there are no transactions", err=True)
        return
    print_table(
        _COLUMNS,
        [
            (
                each.transaction_uid,
                _asked(each),
                each.peer_aet,
                str(each.state),
                str(each.total),
                str(each.failed),
                _moment(each.begun),
                each.error,
            )
            for each in found
        ],
    )


def print_details(found: Sequence[tuple[Transaction, list[tuple[Reference, int | None]]]]) -> None:
    """A transaction, then its instances."""
    print_transactions([each for each, _ in found])
    for _, results in found:
        print_table(
            ("instance", "result"),
            [(reference.sop_instance_uid, _result(reason)) for reference, reason in results],
        )


def _asked(found: Transaction) -> str:
    return "of us" if found.asked_of_us else "by us"


def _moment(moment: dt.datetime | None) -> str:
    return "" if moment is None else moment.isoformat(timespec="seconds")


def _result(reason: int | None) -> str:
    if reason is None:
        return "not known"
    if reason == 0:
        return "committed"
    known = reason in set(FailureReason)
    name = FailureReason(reason).name.replace("_", " ").lower() if known else "failed"
    return f"{name} ({reason:04X}H)"
