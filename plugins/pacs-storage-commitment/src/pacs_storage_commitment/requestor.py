"""Asking peers on behalf of another plugin, which lets its work rest until the report is there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_framework.errors import ConfigurationError
from pacs_framework.network.router import Router
from pacs_storage_commitment.asking import MOST, ask_on, hear_on
from pacs_storage_commitment.book import Book
from pacs_storage_commitment.model import Reference, State, proposal
from pacs_storage_commitment.service import ReportReceiver
from pacs_storage_commitment.tables import NAME

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["Outcome", "Requestor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is known of a request: when it was noted (UTC), and whether it is over.

    ``results`` has for each SOP Instance UID 0 for committed, a Failure Reason, or None where
    nothing was said of it. ``error``: why the peer did not take the request, if it did not.
    """

    asked: dt.datetime
    is_over: bool
    results: Mapping[str, int | None]
    error: str


class Requestor:
    """Asks the peers of one archive. Threads may share it."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._book = Book(archive.tables(NAME))

    def request(
        self,
        peer_aet: str,
        transaction_uid: str,
        references: Sequence[tuple[str, str]],
        *,
        wait: float,
    ) -> None:
        """Ask for SOP class and SOP instance UIDs, under a Transaction UID that was never used.

        Kept before the peer hears of it. Its report may come within ``wait`` seconds on the same
        association, or later on one of the peer's own, of which the hook ``commitment_reported``
        tells. Raises OSError and `PacsError` where it
        could not be asked; `outcome` is None then, or tells why.
        """
        peer = self._archive.peers.by_aet(peer_aet)
        if peer is None:
            raise ConfigurationError(f"no [peers.NAME] has the aet {peer_aet!r}")
        receiver = ReportReceiver(self._book, self._archive.data, MOST)
        association = self._archive.call(peer, proposal(), Router([receiver]))
        try:
            wanted = [Reference(*each) for each in references]
            ask_on(association, self._book, transaction_uid, peer_aet, wanted)
            hear_on(association, self._book, transaction_uid, wait)
        finally:
            association.abort()

    def outcome(self, transaction_uid: str) -> Outcome | None:
        """What became of a request of ours; None where there is none of this Transaction UID."""
        found = (t for t in self._book.by_uid(transaction_uid) if not t.asked_of_us)
        transaction = next(found, None)
        if transaction is None:
            return None
        results = self._book.results(transaction.id)
        return Outcome(
            asked=transaction.begun,
            is_over=transaction.state is not State.ASKED,
            results={each.sop_instance_uid: reason for each, reason in results},
            error=transaction.error,
        )
