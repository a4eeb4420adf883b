"""Storage Commitment Push Model on the wire: requests of peers, and reports of those we asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import structlog

from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.network.errors import NormalizedFailure
from pacs_framework.network.normalized import NormalizedService, Operation, Outcome
from pacs_framework.network.service import CommandField, SupportedContext
from pacs_framework.waking import ring
from pacs_storage_commitment.book import Book
from pacs_storage_commitment.datasets import read_report, read_request
from pacs_storage_commitment.model import (
    ALL_COMMITTED,
    PUSH_MODEL,
    REQUEST_COMMITMENT,
    SOME_FAILED,
    WELL_KNOWN_INSTANCE,
)
from pacs_storage_commitment.tables import NAME
from pacs_storage_commitment.telling import Tell
from pacs_storage_commitment.worker import FOLDER, Worker

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_storage_commitment.settings import CommitmentSettings

__all__ = ["CommitmentService", "ReportReceiver", "answer_bell"]

_BYTES_PER_INSTANCE = 256  # two UIDs of 64 characters, and what stands around them
_BYTES = 1 << 16

_log = structlog.get_logger(__name__)


def answer_bell(data: Path, transaction_uid: str) -> Path:
    """Where ``pacs commitment request`` waits for the report that the archive gets."""
    return data / FOLDER / f"{transaction_uid}.bell"


class ReportReceiver(NormalizedService):
    """Takes N-EVENT-REPORT, on associations that we opened ourselves."""

    name: ClassVar[str] = "storage-commitment"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.N_EVENT_REPORT})

    def __init__(
        self, book: Book, data: Path, max_instances: int, tell: Callable[[str], None] | None = None
    ) -> None:
        self._book = book
        self._data = data
        self._most = max_instances
        self._tell = tell
        self.largest_dataset = max_instances * _BYTES_PER_INSTANCE + _BYTES

    def contexts(self) -> Iterable[SupportedContext]:
        """The peer is SCP."""
        return [
            SupportedContext(
                abstract_syntax=PUSH_MODEL,
                transfer_syntaxes=UNCOMPRESSED,
                peer_as_scu=False,
                peer_as_scp=True,
            )
        ]

    def perform(self, operation: Operation) -> Outcome:
        """Note a report (PS3.4 J.3.3.2). Raises `NormalizedFailure`."""
        _check_instance(operation)
        if operation.type_id not in (ALL_COMMITTED, SOME_FAILED):
            raise NormalizedFailure(
                f"event type {operation.type_id} is none of storage commitment",
                status=Status.NO_SUCH_EVENT_TYPE,
            )
        report = read_report(operation.required_dataset(), self._most)
        if not self._book.answered(report):
            raise NormalizedFailure(
                "nothing was asked under this Transaction UID",
                status=Status.INVALID_ARGUMENT_VALUE,
            )
        ring(answer_bell(self._data, report.transaction_uid))
        if self._tell is not None:
            self._tell(report.transaction_uid)
        return Outcome()


class CommitmentService(ReportReceiver):
    """Takes N-ACTION as SCP, and N-EVENT-REPORT as SCU on associations of its own."""

    commands: ClassVar[frozenset[CommandField]] = frozenset(
        {CommandField.N_ACTION, CommandField.N_EVENT_REPORT}
    )

    def __init__(self, archive: Archive, settings: CommitmentSettings) -> None:
        book = Book(archive.tables(NAME))
        super().__init__(book, archive.data, settings.max_instances, Tell(archive))
        self._worker = Worker(archive, book, settings)

    def contexts(self) -> Iterable[SupportedContext]:
        """Either role."""
        return [
            SupportedContext(
                abstract_syntax=PUSH_MODEL,
                transfer_syntaxes=UNCOMPRESSED,
                peer_as_scu=True,
                peer_as_scp=True,
            )
        ]

    def start(self) -> None:
        """Work on what is due, in a thread."""
        self._worker.start()

    def stop(self) -> None:
        """End that thread."""
        self._worker.stop()

    def perform(self, operation: Operation) -> Outcome:
        """Note a request, durably (PS3.4 J.3.2.2), or a report. Raises `NormalizedFailure`."""
        if operation.command is CommandField.N_EVENT_REPORT:
            return super().perform(operation)
        _check_instance(operation)
        if operation.type_id != REQUEST_COMMITMENT:
            raise NormalizedFailure(
                f"action type {operation.type_id} is none of storage commitment",
                status=Status.NO_SUCH_ACTION,
            )
        uid, references = read_request(operation.required_dataset(), self._most)
        association = operation.request.association
        number = self._book.take_in(
            uid,
            association.peer.calling_aet,
            references,
            self._worker.owner,
            self._worker.until(),
        )
        _log.info(
            "storage commitment requested",
            transaction_uid=uid,
            peer_aet=association.peer.calling_aet,
            instances=len(references),
            repeated=number is None,
        )
        if number is not None:
            self._worker.take(number, association)
        return Outcome()


def _check_instance(operation: Operation) -> None:
    if operation.sop_instance_uid != WELL_KNOWN_INSTANCE:
        raise NormalizedFailure(
            f"the well-known SOP instance is {WELL_KNOWN_INSTANCE}",
            status=Status.NO_SUCH_SOP_INSTANCE,
        )
