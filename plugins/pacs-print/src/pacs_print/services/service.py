"""The service: which operation of which SOP class is done by whom, on the objects of whom."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import structlog
from pydicom.uid import ExplicitVRLittleEndian

from pacs_framework.dicom.charset import encode_identifier_charset
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import IMPLICIT_VR
from pacs_framework.errors import IndexUnavailable
from pacs_framework.network.errors import NormalizedFailure
from pacs_framework.network.normalized import NormalizedService, Operation, Outcome
from pacs_framework.network.service import CommandField, SupportedContext
from pacs_print.queue.bells import FOLDER, ringer
from pacs_print.queue.book import Book
from pacs_print.queue.watching import Watch
from pacs_print.queue.working import Workers
from pacs_print.services import (
    annotation_box,
    film_box,
    film_session,
    image_box,
    presentation_lut,
    printer,
)
from pacs_print.services.classes import (
    ANNOTATION_BOX,
    COLOUR_IMAGE_BOX,
    COLOUR_META,
    CONFIGURATION,
    FILM_BOX,
    FILM_SESSION,
    GRAYSCALE_IMAGE_BOX,
    GRAYSCALE_META,
    PRESENTATION_LUT,
    PRINT_JOB,
    PRINTER,
    SERVED,
)
from pacs_print.services.desk import Desk
from pacs_print.services.tree import Tree
from pacs_print.tables import NAME

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.network.association import Association
    from pacs_print.settings import PrintSettings

__all__ = ["AnnotationService", "FactsService", "FilmService", "LutService", "print_services"]

_Do: TypeAlias = Callable[[Desk], Outcome]

_OPERATIONS: Mapping[tuple[str, CommandField], _Do] = {
    (FILM_SESSION, CommandField.N_CREATE): film_session.create,
    (FILM_SESSION, CommandField.N_SET): film_session.set_,
    (FILM_SESSION, CommandField.N_ACTION): film_session.act,
    (FILM_SESSION, CommandField.N_DELETE): film_session.delete,
    (FILM_BOX, CommandField.N_CREATE): film_box.create,
    (FILM_BOX, CommandField.N_SET): film_box.set_,
    (FILM_BOX, CommandField.N_ACTION): film_box.act,
    (FILM_BOX, CommandField.N_DELETE): film_box.delete,
    (GRAYSCALE_IMAGE_BOX, CommandField.N_SET): image_box.set_,
    (COLOUR_IMAGE_BOX, CommandField.N_SET): image_box.set_,
    (ANNOTATION_BOX, CommandField.N_SET): annotation_box.set_,
    (PRESENTATION_LUT, CommandField.N_CREATE): presentation_lut.create,
    (PRESENTATION_LUT, CommandField.N_DELETE): presentation_lut.delete,
    (PRINTER, CommandField.N_GET): printer.get_printer,
    (PRINT_JOB, CommandField.N_GET): printer.get_job,
    (CONFIGURATION, CommandField.N_GET): printer.get_configuration,
}

_log = structlog.get_logger(__name__)


class _Seat:
    """The place of an association at the counter, for as long as its thread lives."""

    def __init__(self, association: Association, tree: Tree, watch: Watch) -> None:
        self.association_id = association.id
        self.tree = tree
        self._left = weakref.finalize(self, _leave, association.id, tree, watch)

    def leave(self) -> None:
        """Its objects go, all of them. Once is enough."""
        self._left()


def _leave(association_id: str, tree: Tree, watch: Watch) -> None:
    watch.forget(association_id)
    tree.close()


class Counter:
    """Where the requests of all services are worked on; each association has its seat here."""

    def __init__(self, archive: Archive, settings: PrintSettings) -> None:
        ring = ringer(archive.data)
        self._settings = settings
        self._book = Book(archive.tables(NAME), ring)
        self._watch = Watch(self._book, ring)
        self._folder = archive.data / FOLDER
        self.workers = Workers(archive, settings, self._book, self._watch)
        # An association is served by one thread, and nobody says when it is over: what belongs to
        # the thread goes with it, however it ends.
        self._seats = threading.local()
        self.largest_dataset = max(
            (each.limits.image_size for each in settings.printers), default=1 << 20
        )

    def serve(self, operation: Operation) -> Outcome:
        """Carry an operation out. Raises `NormalizedFailure`."""
        do = _OPERATIONS.get((operation.sop_class_uid, operation.command))
        if do is None:
            raise NormalizedFailure(
                f"{operation.command.name} is no operation of this SOP class",
                status=Status.UNRECOGNIZED_OPERATION,
            )
        association = operation.request.association
        tree = self._tree(association)
        _check_length(operation, tree.printer.limits.image_size)
        try:
            outcome = do(Desk(operation=operation, tree=tree, book=self._book, watch=self._watch))
        except IndexUnavailable as error:  # whose own status is one of storage
            raise NormalizedFailure(str(error), status=Status.PROCESSING_FAILURE) from error
        finally:
            self._watch.asked(association.id)
        _log.info(
            "print operation",
            operation=operation.command.name,
            sop_class_uid=operation.sop_class_uid,
            sop_instance_uid=operation.sop_instance_uid,
            status=f"{outcome.status:04X}",
        )
        if outcome.dataset is None:
            return outcome
        # Words come back as they were sent, in whatever alphabet that was.
        return replace(outcome, dataset=encode_identifier_charset(outcome.dataset))

    def _tree(self, association: Association) -> Tree:
        seat: _Seat | None = getattr(self._seats, "seat", None)
        if seat is not None and seat.association_id == association.id:
            return seat.tree
        if seat is not None:
            seat.leave()
        called = self._settings.printer(association.peer.called_aet)
        if called is None:  # `on_association` lets nobody in here
            raise NormalizedFailure(
                f"no printer is called {association.peer.called_aet!r}",
                status=Status.NOT_AUTHORIZED,
            )
        tree = Tree(called, self._folder)
        self._seats.seat = _Seat(association, tree, self._watch)
        self._watch.follow_printer(association, called)
        return tree


def _check_length(operation: Operation, most: int) -> None:
    """What is read is what the most generous printer takes; this one may take less."""
    if operation.encoded is not None and len(operation.encoded) > most:
        raise NormalizedFailure(
            f"a data set of {len(operation.encoded)} bytes; this printer takes {most}",
            status=Status.RESOURCE_LIMITATION,
        )


class _CounterService(NormalizedService):
    """A service at the counter, for some abstract syntaxes."""

    abstract_syntaxes: ClassVar[tuple[str, ...]]

    def __init__(self, counter: Counter, *, offered: bool) -> None:
        self._counter = counter
        self._offered = offered
        self.largest_dataset = counter.largest_dataset

    def contexts(self) -> Iterable[SupportedContext]:
        """None without printers. Pixels travel as they are, in little endian."""
        syntaxes = frozenset({IMPLICIT_VR, str(ExplicitVRLittleEndian)})
        for uid in self.abstract_syntaxes if self._offered else ():
            yield SupportedContext(abstract_syntax=uid, transfer_syntaxes=syntaxes)

    def sop_classes(self, abstract_syntax: str) -> Collection[str]:
        """Those that a meta SOP class is made of (PS3.4 H.3.2.2)."""
        return SERVED[abstract_syntax]

    def perform(self, operation: Operation) -> Outcome:
        """Carry an operation out. Raises `NormalizedFailure`."""
        return self._counter.serve(operation)


class FilmService(_CounterService):
    """The meta SOP classes; it also runs what prints the jobs of all of them."""

    name: ClassVar[str] = "print"
    commands: ClassVar[frozenset[CommandField]] = frozenset(
        {
            CommandField.N_CREATE,
            CommandField.N_SET,
            CommandField.N_GET,
            CommandField.N_ACTION,
            CommandField.N_DELETE,
        }
    )
    abstract_syntaxes = (GRAYSCALE_META, COLOUR_META)

    def start(self) -> None:
        """Print what waits, in threads."""
        self._counter.workers.start()

    def stop(self) -> None:
        """End those threads."""
        self._counter.workers.stop()


class LutService(_CounterService):
    """Presentation LUTs."""

    name: ClassVar[str] = "print-lut"
    commands: ClassVar[frozenset[CommandField]] = frozenset(
        {CommandField.N_CREATE, CommandField.N_DELETE}
    )
    abstract_syntaxes = (PRESENTATION_LUT,)


class AnnotationService(_CounterService):
    """Basic Annotation Boxes."""

    name: ClassVar[str] = "print-annotation"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.N_SET})
    abstract_syntaxes = (ANNOTATION_BOX,)


class FactsService(_CounterService):
    """What there is to know of printers and jobs."""

    name: ClassVar[str] = "print-facts"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.N_GET})
    abstract_syntaxes = (PRINTER, CONFIGURATION, PRINT_JOB)


def print_services(archive: Archive, settings: PrintSettings) -> list[_CounterService]:
    """One for each set of operations, at one counter."""
    counter = Counter(archive, settings)
    kinds = (FilmService, LutService, AnnotationService, FactsService)
    return [kind(counter, offered=bool(settings.printers)) for kind in kinds]
