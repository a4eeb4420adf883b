"""Storage commitment by HTTP, for who answers it (hook ``commitments`` of pacs-dicomweb).

A small request is checked at once, in the thread that took it; the lease on its transaction is over
soon when that ends with its process, and a worker finishes it. A larger one is a worker's from the
beginning. Either way the book has it before it is answered.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

from pacs_framework.errors import PacsError
from pacs_framework.tables import now
from pacs_framework.waking import ring
from pacs_storage_commitment.book import Book, Transaction
from pacs_storage_commitment.checking import Interrupted, check
from pacs_storage_commitment.model import BY_HTTP, FailureReason, Reference, State
from pacs_storage_commitment.tables import NAME
from pacs_storage_commitment.worker import FOLDER, RETRY_BELL

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_storage_commitment.settings import CommitmentSettings

__all__ = ["WebCommitments"]

_AT_ONCE = 500  # instances that are checked while the client waits
_BYTES_AT_ONCE = 256 << 20
_LEASE = dt.timedelta(seconds=60)
_COMMITTED = 0

Results = Mapping[tuple[str, str], int]

_log = structlog.get_logger(__name__)


class TransactionInUse(PacsError):
    """The Transaction UID is that of another request."""

    http_status = HTTPStatus.CONFLICT


class TooManyInstances(PacsError):
    """More than the settings allow for one request."""

    http_status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class NoSuchTransaction(PacsError):
    """The requester has asked nothing under this Transaction UID."""

    http_status = HTTPStatus.NOT_FOUND


class WebCommitments:
    """What is asked by HTTP, on the book of all transactions; safe to use from many threads."""

    def __init__(self, archive: Archive, settings: CommitmentSettings) -> None:
        self._archive = archive
        self._book = Book(archive.tables(NAME))
        self._most = settings.max_instances

    def request(
        self, transaction_uid: str, requester: str, instances: Sequence[tuple[str, str]]
    ) -> Results | None:
        """Take a request; its results, or None when a worker has to see to it.

        Raises `TransactionInUse`, `TooManyInstances`, and `IndexUnavailable`.
        """
        references = list(dict.fromkeys(Reference(*each) for each in instances))
        if len(references) > self._most:
            raise TooManyInstances(f"{len(references)} instances, at most {self._most} at once")
        here = self._is_small(references)
        owner = f"http-{uuid4().hex}" if here else ""
        until = now() + _LEASE if here else now()
        peer = BY_HTTP + requester
        number = self._book.take_in(transaction_uid, peer, references, owner, until)
        _log.info(
            "storage commitment requested by HTTP",
            transaction_uid=transaction_uid,
            requester=requester,
            instances=len(references),
            repeated=number is None,
        )
        if number is None:
            return None
        # Also where a worker has nothing to do yet: it then knows when the lease is over.
        ring(self._archive.data / FOLDER / RETRY_BELL)
        found = next(each for each in self._book.by_uid(transaction_uid) if each.id == number)
        if not here:
            self._refuse_clash(found)
            return None
        try:
            return self._finish(found, owner, references)
        except BaseException:
            with suppress(PacsError):  # else its lease ends by itself
                self._book.release(owner)
                ring(self._archive.data / FOLDER / RETRY_BELL)
            raise

    def result(self, transaction_uid: str, requester: str) -> Results | None:
        """What became of a request of ``requester``; None while it is under way.

        Raises `NoSuchTransaction` and `IndexUnavailable`.
        """
        for found in self._book.by_uid(transaction_uid):
            if found.asked_of_us and found.peer_aet == BY_HTTP + requester and not found.clash:
                under_way = found.state in (State.CHECKING, State.REPORTING)
                return None if under_way else self._results(found)
        raise NoSuchTransaction("nothing was asked under this Transaction UID by you")

    def _is_small(self, references: Sequence[Reference]) -> bool:
        if len(references) > _AT_ONCE:
            return False
        found = (self._archive.lookup.instance(each.sop_instance_uid) for each in references)
        return sum(facts.size for facts in found if facts is not None) <= _BYTES_AT_ONCE

    @staticmethod
    def _refuse_clash(found: Transaction) -> None:
        if found.clash:
            raise TransactionInUse(
                "this Transaction UID is in use for another request, or by somebody else"
            )

    def _finish(
        self, found: Transaction, owner: str, references: Sequence[Reference]
    ) -> Results | None:
        """Check, and note what was found; None when somebody else has taken it over."""
        reasons: Sequence[FailureReason | None]
        if found.clash:
            reasons = [FailureReason.DUPLICATE_TRANSACTION_UID] * len(references)
        else:
            try:
                reasons = self._checked(found, owner, references)
            except Interrupted:
                return None
        until = now() + _LEASE
        if not self._book.settle(found.id, owner, reasons, until):
            return None
        self._book.reported(found.id, owner)
        self._refuse_clash(found)
        return self._results(found)

    def _checked(
        self, found: Transaction, owner: str, references: Sequence[Reference]
    ) -> list[FailureReason | None]:
        renewed = now()

        def go_on() -> bool:
            nonlocal renewed
            if now() - renewed < _LEASE / 4:
                return True
            renewed = now()
            return self._book.renew(found.id, owner, renewed + _LEASE)

        return [check(self._archive, each, go_on) for each in references]

    def _results(self, found: Transaction) -> Results:
        report = self._book.report(found)
        told = dict.fromkeys(report.committed, _COMMITTED) | report.failed
        return {(each.sop_class_uid, each.sop_instance_uid): told[each] for each in told}
