"""The threads that forward: one for each rule, so a server that is away delays no other."""

from __future__ import annotations

import datetime as dt
import socket
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import structlog
from pydicom import Dataset

from pacs_dicomweb.forward.outbox import Due, ForwardOutbox
from pacs_dicomweb.forward.selecting import bell_of
from pacs_dicomweb.tables import NAME
from pacs_dicomweb.wado.objects import Objects
from pacs_framework.archive.outgoing import Recipient
from pacs_framework.archive.query_keys import Root
from pacs_framework.background import Background, keep_on
from pacs_framework.dicom.attributes import Level
from pacs_framework.dicomweb.server import ServerError
from pacs_framework.dicomweb.storing import Sending, Told, store
from pacs_framework.errors import PacsError, RefusedByPolicy
from pacs_framework.tables import Pauses, now
from pacs_framework.waking import Waker

if TYPE_CHECKING:
    from pacs_dicomweb.settings import DicomwebSettings, ForwardRule
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.retrieve import StoredInstance

__all__ = ["DOOR", "Forwarder", "Forwarding"]

DOOR = "stow-forward"

_LEASE = 900.0  # seconds that a batch stays ours
_BATCH = 32
_LAST_WAIT = 3.0
_CLIENT_ERRORS = frozenset({400, 409, 411, 413, 415, 422})

_log = structlog.get_logger("pacs_dicomweb")


class Forwarding(Background):
    """All forwarders of an archive."""

    name = "dicomweb forward"

    def __init__(self, archive: Archive, settings: DicomwebSettings) -> None:
        self._archive = archive
        self._rules = settings.forward
        self._forwarders: list[Forwarder] = []

    def start(self) -> None:
        """Begin with what was not finished before."""
        outbox = ForwardOutbox(self._archive.tables(NAME))
        # One process of an archive runs this: what its last one held is nobody's now.
        owner = f"{socket.gethostname()} {self._archive.data.resolve()}"
        outbox.release(owner)
        for number, rule in enumerate(self._rules):
            self._forwarders.append(Forwarder(self._archive, outbox, rule, number, owner))
        for forwarder in self._forwarders:
            forwarder.start()

    def stop(self) -> None:
        """End; what has not been acknowledged is due at the next start."""
        for forwarder in self._forwarders:
            forwarder.stop()
        for forwarder in self._forwarders:
            forwarder.join()
        self._forwarders.clear()


class Forwarder:
    """Sends what is due for one server until `stop`."""

    def __init__(
        self, archive: Archive, outbox: ForwardOutbox, rule: ForwardRule, number: int, owner: str
    ) -> None:
        self._archive = archive
        self._outbox = outbox
        self._rule = rule
        self._owner = owner
        self._server = rule.reached()
        self._pauses = Pauses(
            first=rule.retry_first, longest=rule.retry_longest, give_up_after=rule.give_up_after
        )
        self._stopping = threading.Event()
        self._waker = Waker(bell_of(archive.data, number))
        self._log = _log.bind(forward=rule.name)
        self._thread = threading.Thread(
            target=self._run, name=f"dicomweb forward {rule.name}", daemon=True
        )

    def start(self) -> None:
        """Begin, with what is due by now."""
        self._thread.start()

    def stop(self) -> None:
        """End after the piece that is being sent."""
        self._stopping.set()
        self._waker.ring()

    def join(self) -> None:
        """Wait for the end, not for ever: a server that says nothing holds up no stop.

        What it was sent is due again at the next start.
        """
        self._thread.join(_LAST_WAIT)
        if self._thread.is_alive():
            self._log.warning("a server is left in the middle of a request")
        else:
            self._waker.close()

    def _run(self) -> None:
        keep_on(self._stopping, "dicomweb-forward", self._turn, forward=self._rule.name)

    def _turn(self) -> None:
        if not self._round():
            self._waker.wait(self._outbox.pause(self._rule.name, _LEASE))

    def _round(self) -> bool:
        """Send what is due; whether there was anything."""
        until = now() + dt.timedelta(seconds=_LEASE)
        rows = self._outbox.claim(self._rule.name, self._owner, until, _BATCH)
        if not rows:
            return False
        sendings: dict[int, Sending] = {}
        for row in rows:
            try:
                sendings |= self._sendings(row)
            except RefusedByPolicy as error:
                self._put_off(row, str(error), for_good=True)
        self._send([row for row in rows if row.id in sendings], sendings)
        return True

    def _sendings(self, row: Due) -> dict[int, Sending]:
        """What is sent for a row: nothing where the instance is gone, and then the row goes too."""
        stored = self._located(row)
        if stored is None:
            self._outbox.done([row.id], self._owner)
            return {}
        recipient = Recipient(door=DOOR, aet="", called_aet=self._rule.name)
        objects = Objects(self._archive, recipient)
        if not objects.as_stored(stored):
            # A plugin may refuse it, or give it another UID: that is known before anything is sent.
            with (opened := objects.open(stored)).data:
                uid = opened.instance.sop_instance_uid
        else:
            uid = stored.sop_instance_uid
        return {row.id: Sending(uid, partial(self._pieces, objects, stored))}

    def _located(self, row: Due) -> StoredInstance | None:
        identifier = Dataset()
        identifier.SOPInstanceUID = row.sop_instance_uid
        identifier.SeriesInstanceUID = row.series_instance_uid
        identifier.StudyInstanceUID = row.study_instance_uid
        located = self._archive.retrieve.locate(Level.IMAGE, Root.STUDY, identifier)
        return next(iter(located), None)

    def _pieces(self, objects: Objects, stored: StoredInstance) -> Iterator[bytes]:
        for piece in objects.file(stored, stored.transfer_syntax_uid).pieces:
            if self._stopping.is_set():
                raise ServerError("the archive stops")
            yield bytes(piece)  # httpx takes nothing else

    def _send(self, rows: Sequence[Due], sendings: dict[int, Sending]) -> None:
        if not rows:
            return
        try:
            with self._server.open() as client:
                told = store(client, [sendings[row.id] for row in rows])
        except PacsError as error:
            if len(rows) > 1 and _is_about_one(error):
                for row in rows:
                    self._send([row], sendings)
            else:
                self._failed(rows, error)
            return
        done: list[int] = []
        for row in rows:
            answer: Told = told[sendings[row.id].sop_instance_uid]
            if answer.stored:
                done.append(row.id)
            else:
                self._put_off(row, answer.text)
        self._outbox.done(done, self._owner)
        self._log.info("instances forwarded", stored=len(done), failed=len(rows) - len(done))

    def _failed(self, rows: Sequence[Due], error: PacsError) -> None:
        """None of them is known to have arrived."""
        if self._stopping.is_set():
            self._outbox.release(self._owner)
            return
        self._log.warning("instances not forwarded", instances=len(rows), cause=str(error))
        for row in rows:
            self._put_off(row, str(error))

    def _put_off(self, row: Due, error: str, *, for_good: bool = False) -> None:
        gives_up = for_good or self._pauses.gives_up(row.created)
        until = None if gives_up else self._pauses.until(row.attempts)
        if gives_up:
            self._log.error("an instance is not forwarded", instance=row.sop_instance_uid)
        self._outbox.put_off(row.id, self._owner, error, until)


def _is_about_one(error: PacsError) -> bool:
    """Whether a request may have failed over one of its instances: then the others go without it.

    Not where the server could not be reached, or has trouble of its own.
    """
    return not isinstance(error, ServerError) or error.answered in _CLIENT_ERRORS
