"""Asking a peer for storage commitment, and waiting for its report (PS3.4 J.3.2.1)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.uid import generate_uid

from pacs_framework.app import App
from pacs_framework.archive.query_keys import Root
from pacs_framework.cli.files import files_below
from pacs_framework.dicom.attributes import Level
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.dicom.status import is_failure
from pacs_framework.errors import InstanceError, PacsError, QueryError
from pacs_framework.network.errors import AssociationError
from pacs_framework.network.router import Router
from pacs_framework.network.scu import n_action
from pacs_framework.waking import Waker
from pacs_storage_commitment.book import Book, Transaction
from pacs_storage_commitment.datasets import request_dataset
from pacs_storage_commitment.model import (
    PUSH_MODEL,
    REQUEST_COMMITMENT,
    WELL_KNOWN_INSTANCE,
    Reference,
    State,
    proposal,
)
from pacs_storage_commitment.service import ReportReceiver, answer_bell
from pacs_storage_commitment.tables import NAME

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.cli.options import ArchiveChoice
    from pacs_framework.cli.peer import Call
    from pacs_framework.network.association import Association

__all__ = ["MOST", "ask", "ask_on", "ask_peer", "find_references", "hear_on"]

MOST = 100_000
"""Instances of a report that is taken, as of one that answers the largest request."""

_PREFIX = 1 << 20

Answer = tuple[Transaction, list[tuple[Reference, int | None]]]
"""A transaction and its instances with what is known of them."""


def find_references(
    archive: Archive, paths: Iterable[Path], studies: Sequence[str]
) -> list[Reference]:
    """The instances in files and stored studies, each once. Raises `PacsError` and OSError."""
    found = [_in_file(path) for path in _files(paths)]
    if studies:
        keys = Dataset()
        keys.QueryRetrieveLevel = "STUDY"
        keys.StudyInstanceUID = list(studies)
        stored = archive.retrieve.locate(Level.STUDY, Root.STUDY, keys)
        found += [Reference(each.sop_class_uid, each.sop_instance_uid) for each in stored]
    if not found:
        raise QueryError("there are no instances to ask for")
    return list(dict.fromkeys(found))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
        else:
            yield from (each for each in files_below(path) if each.is_file())  # no dead links


def _in_file(path: Path) -> Reference:
    with path.open("rb") as file:
        try:
            meta = read_prefix(file.read(_PREFIX)).meta
        except InstanceError as error:
            raise QueryError(f"{path}: {error}") from None
    return Reference(meta.sop_class_uid, meta.sop_instance_uid)


def ask(
    choice: ArchiveChoice, call: Call, find: Callable[[Archive], list[Reference]], wait: float
) -> Answer:
    """Ask, and wait at most ``wait`` seconds for the report; the transaction as it is then.

    It is kept before the peer hears of it, so that its report is known whenever it comes. Raises
    OSError and `PacsError` when the peer could not be asked.
    """
    with App(choice.configured(), listen=False, feed=False) as app:
        archive = app.archive
        references = find(archive)
        book = Book(archive.tables(NAME))
        uid = str(generate_uid())
        bell = answer_bell(archive.data, uid)
        with closing(Waker(bell)) as waker:
            try:
                ask_peer(call, book, archive.data, uid, references, waker, wait)
            finally:
                bell.unlink(missing_ok=True)
        return _state(book, uid)


def _state(book: Book, uid: str) -> Answer:
    found = _asked(book, uid)
    return found, book.results(found.id)


def _asked(book: Book, uid: str) -> Transaction:
    """The transaction as we asked it; one more, asked of us, when we are the peer ourselves."""
    (found,) = (each for each in book.by_uid(uid) if not each.asked_of_us)
    return found


def ask_peer(
    call: Call,
    book: Book,
    data: Path,
    uid: str,
    references: list[Reference],
    waker: Waker,
    wait: float,
) -> None:
    """Note a request and send it, and wait for the report, wherever it comes.

    ``waker`` is rung by who gets it elsewhere. Raises OSError and `PacsError`.
    """

    def answered() -> bool:
        waker.empty()
        return _asked(book, uid).state is not State.ASKED

    receiver = Router([ReportReceiver(book, data, MOST)])
    association = call.open(proposal(), receiver)
    try:
        ask_on(association, book, uid, call.called_aet, references)
        deadline = time.monotonic() + wait
        _wait_on(association, answered, wait, waker.descriptor)
        while not answered() and (left := deadline - time.monotonic()) > 0:
            waker.wait(left)  # the peer has left; the archive may get the report
    finally:
        association.abort()


def ask_on(
    association: Association, book: Book, uid: str, peer_aet: str, references: list[Reference]
) -> None:
    """Note a request, and send it. Raises `PacsError` where the peer does not take it."""
    book.ask(uid, peer_aet, references)
    _request(association, book, uid, references)


def hear_on(association: Association, book: Book, uid: str, wait: float) -> None:
    """Take the report that comes on this association within ``wait`` seconds."""
    _wait_on(association, lambda: _asked(book, uid).state is not State.ASKED, wait)


def _request(association: Association, book: Book, uid: str, references: list[Reference]) -> None:
    try:
        refusal = _sent(association, uid, references)
    except PacsError as error:
        book.refused(uid, str(error))
        raise
    if refusal:
        book.refused(uid, refusal)
        raise PacsError(refusal)


def _sent(association: Association, uid: str, references: list[Reference]) -> str:
    """Send the request; why the peer does not take it, empty when it does."""
    context = association.context_for(PUSH_MODEL)
    if context is None:
        return "the peer does not accept the Storage Commitment Push Model"
    response = n_action(
        association,
        context=context,
        sop_instance_uid=WELL_KNOWN_INSTANCE,
        action_type=REQUEST_COMMITMENT,
        information=encode_identifier(request_dataset(uid, references), context.transfer_syntax),
    )
    if not is_failure(response.status):
        return ""
    comment = response.command.get("ErrorComment") or "no comment"
    return f"the request was answered with {response.status:04X}H ({comment})"


def _wait_on(
    association: Association, answered: Callable[[], bool], wait: float, bell: int = -1
) -> None:
    """While the peer keeps the association, its report may come on it."""
    try:
        if association.await_requests(wait, answered, bell=bell):
            association.release()
    except AssociationError:
        return
