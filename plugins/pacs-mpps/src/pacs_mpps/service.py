"""The SOP classes of Modality Performed Procedure Step on the wire, as SCP."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, ClassVar

import structlog
from pydicom import Dataset

from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import QueryError
from pacs_framework.network.errors import NormalizedFailure
from pacs_framework.network.normalized import NormalizedService, Operation, Outcome
from pacs_framework.network.service import CommandField, SupportedContext
from pacs_mpps.book import Book, Receivers
from pacs_mpps.checking import check_creation, drop_unrecognised
from pacs_mpps.crew import Crew
from pacs_mpps.encoding import Received, receive
from pacs_mpps.model import MPPS, RETRIEVE
from pacs_mpps.outbox import Outbox
from pacs_mpps.tables import NAME
from pacs_mpps.telling import listeners_of_steps, listeners_of_studies

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_mpps.settings import MppsSettings

__all__ = ["MppsService", "RetrieveService", "receivers_of"]

_LARGEST = 16 << 20  # a step that lists a hundred thousand instances

_log = structlog.get_logger(__name__)


def receivers_of(archive: Archive, settings: MppsSettings) -> Receivers:
    """Who is to hear of the steps of this archive."""
    return Receivers(
        of_steps=listeners_of_steps(archive),
        of_studies=listeners_of_studies(archive),
        forward_to=tuple(dict.fromkeys(settings.forward_to)),
        notify=tuple(dict.fromkeys(settings.notify)),
    )


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
        store = archive.tables(NAME)
        self._archive = archive
        self._strict = settings.strict
        # Which plugins there are is settled by the time that the first request comes, not before.
        self._settings = settings
        self._receivers: Receivers | None = None
        self._book = Book(store, self._who, strict=settings.strict)
        self._crew = Crew(archive, self._book, Outbox(store), settings)

    def _who(self) -> Receivers:
        if self._receivers is None:
            self._receivers = receivers_of(self._archive, self._settings)
        return self._receivers

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
        ignored = drop_unrecognised(received.kept)
        status = received.kept.text("PerformedProcedureStepStatus")
        if operation.command is CommandField.N_CREATE:
            self._create(operation, received)
        else:
            self._change(operation, received)
        _log.info(
            "performed procedure step",
            operation=operation.command.name,
            sop_instance_uid=operation.sop_instance_uid,
            status=status,
            peer_aet=operation.request.association.peer.calling_aet,
        )
        self._crew.wake()
        if ignored:
            return Outcome(
                status=Status.ATTRIBUTE_LIST_ERROR,
                attributes=ignored,
                comment="attributes that no dictionary has are not kept",
            )
        return Outcome()

    def _create(self, operation: Operation, received: Received) -> None:
        check_creation(received.kept, strict=self._strict)
        peer = operation.request.association.peer
        self._book.create(operation.sop_instance_uid, received, peer.calling_aet)

    def _change(self, operation: Operation, received: Received) -> None:
        awaited = self._book.change(
            operation.sop_instance_uid, received, self._archive.lookup.present
        )
        if awaited:
            self._crew.look_again(awaited)


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
