"""The SOP classes of Modality Performed Procedure Step on the wire, as SCP."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, ClassVar

from pydicom import Dataset

from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import QueryError
from pacs_framework.network.errors import NormalizedFailure
from pacs_framework.network.normalized import NormalizedService, Operation, Outcome
from pacs_framework.network.service import CommandField, SupportedContext
from pacs_mpps.book import Book
from pacs_mpps.crew import Crew
from pacs_mpps.encoding import Received, receive
from pacs_mpps.model import MPPS, RETRIEVE
from pacs_mpps.outbox import Outbox
from pacs_mpps.recording import Recording, book_of
from pacs_mpps.tables import NAME

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_mpps.settings import MppsSettings

__all__ = ["MppsService", "RetrieveService"]

_LARGEST = 16 << 20  # a step that lists a hundred thousand instances


def _context(abstract_syntax: str) -> list[SupportedContext]:
    return [SupportedContext(abstract_syntax=abstract_syntax, transfer_syntaxes=UNCOMPRESSED)]


def _received(operation: Operation) -> Received:
    """What came. Raises `NormalizedFailure`, as the kernel does where it reads the data set."""
    try:
        syntax = operation.request.context.transfer_syntax
        return receive(operation.required_encoding(), syntax)
    except QueryError as error:
        raise NormalizedFailure(str(error), status=Status.INVALID_ATTRIBUTE_VALUE) from None


class MppsService(NormalizedService):
    """Takes N-CREATE and N-SET (PS3.4 F.7)."""

    name: ClassVar[str] = NAME
    commands: ClassVar[frozenset[CommandField]] = frozenset(
        {CommandField.N_CREATE, CommandField.N_SET}
    )
    largest_dataset = _LARGEST
    decodes_dataset = False

    def __init__(self, archive: Archive, settings: MppsSettings) -> None:
        book = book_of(archive, settings)
        self._crew = Crew(archive, book, Outbox(archive.tables(NAME)), settings)
        self._recording = Recording(
            book,
            archive.lookup.present,
            wake=self._crew.wake,
            look_again=self._crew.look_again,
            strict=settings.strict,
        )

    def contexts(self) -> Iterable[SupportedContext]:
        """Modality Performed Procedure Step alone."""
        return _context(MPPS)

    def start(self) -> None:
        """Deliver what is due, in threads."""
        self._crew.start()

    def stop(self) -> None:
        """End those threads."""
        self._crew.stop()

    def perform(self, operation: Operation) -> Outcome:
        """Note a step that begins, or a change of one, durably. Raises `NormalizedFailure`."""
        received = _received(operation)
        creates = operation.command is CommandField.N_CREATE
        note = self._recording.create if creates else self._recording.change
        peer = operation.request.association.peer
        ignored = note(operation.sop_instance_uid, received, peer.calling_aet)
        if ignored:
            return Outcome(
                status=Status.ATTRIBUTE_LIST_ERROR,
                attributes=ignored,
                comment="attributes that no dictionary has are not kept",
            )
        return Outcome()


class RetrieveService(NormalizedService):
    """Answers N-GET (PS3.4 F.8)."""

    name: ClassVar[str] = "mpps-retrieve"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.N_GET})

    def __init__(self, archive: Archive) -> None:
        self._book = Book(archive.tables(NAME))

    def contexts(self) -> Iterable[SupportedContext]:
        """Modality Performed Procedure Step Retrieve alone."""
        return _context(RETRIEVE)

    def sop_classes(self, abstract_syntax: str) -> Collection[str]:
        """The instances were created in the SOP class that N-CREATE names; some peers ask so."""
        return (abstract_syntax, MPPS)

    def perform(self, operation: Operation) -> Outcome:
        """The attributes of a step. Raises `NormalizedFailure`."""
        found = self._book.get(operation.sop_instance_uid)
        if found is None:
            raise NormalizedFailure(
                f"there is no step {operation.sop_instance_uid}",
                status=Status.NO_SUCH_SOP_INSTANCE,
            )
        whole = found.step.dataset
        if not operation.wanted:
            return Outcome(dataset=whole)
        answer = Dataset()
        lacking = []
        for tag in operation.wanted:
            if tag in whole:
                answer[tag] = whole[tag]
            else:
                lacking.append(tag)
        if "SpecificCharacterSet" in whole:
            answer.SpecificCharacterSet = whole.SpecificCharacterSet
        status = Status.OPTIONAL_ATTRIBUTES_NOT_SUPPORTED if lacking else Status.SUCCESS
        return Outcome(status=status, dataset=answer, attributes=lacking)
