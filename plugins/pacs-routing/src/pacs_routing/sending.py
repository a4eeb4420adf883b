"""Sending: the work of the jobs of a destination, those of one study together."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import structlog
from pydicom import Dataset

from pacs_framework.archive.outgoing import Recipient
from pacs_framework.archive.query_keys import Root
from pacs_framework.config.hours import hours_of, next_opening
from pacs_framework.dicom.attributes import Level
from pacs_framework.errors import (
    IndexUnavailable,
    ObjectNotFound,
    PacsError,
    StorageError,
    UnreadableInstance,
)
from pacs_framework.jobs import JobKind, JobPutOff, JobRefused
from pacs_framework.network.breaking import Breakable
from pacs_framework.tables import Pauses, now
from pacs_routing.anonymous import AnonymousOpener
from pacs_routing.parcels import Parcels
from pacs_routing.places.contract import Away, Broken, NotTaken
from pacs_routing.settings import Priority
from pacs_routing.statistics import Statistics, Tally
from pacs_routing.terms import DOOR, kind_of

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.retrieve import InstanceOpener, StoredInstance
    from pacs_framework.jobs import JobContext
    from pacs_routing.committing.delivered import Deliveries
    from pacs_routing.parcels import Parcel
    from pacs_routing.places.contract import Carrier, Place
    from pacs_routing.settings import Destination

__all__ = ["Sender"]

_SOON = 1.0  # seconds: what the end of the archive breaks off is due when it is back
_TURN = 10.0
"""Seconds after which a run sends nothing more, so that what is more urgent waits no longer."""

_OURS = (StorageError, IndexUnavailable)

_log = structlog.get_logger(__name__)


class Sender(Breakable):
    """Sends to one destination. Threads may share it.

    Its ``place`` is found when it is needed: where a command only asks what there is, no peers are
    known.
    """

    def __init__(
        self,
        archive: Archive,
        settings: Destination,
        place: Callable[[], Place],
        deliveries: Deliveries,
    ) -> None:
        super().__init__()
        self.archive = archive
        self.settings = settings
        self._find = place
        self._deliveries = deliveries
        self._statistics = Statistics(archive)
        self._hours = hours_of(settings.hours)
        self._pauses = Pauses(
            first=settings.retry_first,
            longest=settings.retry_longest,
            give_up_after=settings.give_up_after,
        )
        self._failures = 0  # in a row, of the destination as a whole
        self._log = _log.bind(destination=settings.name)

    @cached_property
    def place(self) -> Place:
        """Where it is. Raises `ConfigurationError` for what cannot be sent to."""
        return self._find()

    def kind(self) -> JobKind:
        """The kind of its jobs."""
        settings = self.settings
        return JobKind(
            name=kind_of(settings.name),
            description=f"Send an instance to {settings.name}",
            run_together=self.run,
            together=settings.together,
            at_once=settings.associations,
            everywhere=settings.associations,
            attempts=settings.attempts,
            pauses=self._pauses,
            check=_check,
            keep=settings.keep,
        )

    # --- one run ----------------------------------------------------------------------------------

    def run(self, contexts: Sequence[JobContext]) -> None:
        """Send what ``contexts`` say; each of them is told what became of it.

        Raises `JobPutOff` for those that have to wait, `JobCanceled` for those that are to end.
        """
        self.refuse_closed()
        due = _by_instance(contexts)
        found = self._located(due)
        for uid in due.keys() - found:
            due.pop(uid).done({"gone": True})  # deleted since: there is nothing to send
        if not due:
            return
        started, wanted, tally = now(), len(due), Tally()
        self._deliveries.begin(contexts)
        try:
            with self.breakable():
                self._send(due, found, tally)
        except Away as error:
            tally.error = str(error)
            raise self._away(due.values(), error) from error
        finally:
            seconds = round((now() - started).total_seconds(), 3)
            self._log.info(
                "instances sent on", settled=wanted - len(due), of=wanted, seconds=seconds
            )
            self._statistics.add(self.settings.name, tally)
            self._deliveries.ended(contexts)
        self._leave(due.values())

    def refuse_closed(self) -> None:
        """Raise `JobPutOff` where nothing may be sent now."""
        if self.stopping:
            raise JobPutOff("the archive stops", until=_soon())
        opening = next_opening(self._hours, now().astimezone())
        if opening is not None:
            hours = ", ".join(self.settings.hours)
            raise JobPutOff(f"it is sent to at {hours}", until=opening, kind_too=True)

    def _located(self, uids: Iterable[str]) -> dict[str, StoredInstance]:
        identifier = Dataset()
        identifier.SOPInstanceUID = list(uids)
        retrieve = self.archive.retrieve
        located = retrieve.locate(Level.IMAGE, Root.STUDY, identifier, relational=True)
        return {stored.sop_instance_uid: stored for stored in located}

    def _send(
        self, due: dict[str, JobContext], found: Mapping[str, StoredInstance], tally: Tally
    ) -> None:
        """Those that are settled are due no more. Raises `Away`."""
        recipient = Recipient(door=DOOR, aet=self.place.aet, called_aet=self.settings.name)
        opener = self._opener(recipient)
        instances = [found[uid] for uid in due]
        kinds = {stored.kind for stored in instances}
        ends = time.monotonic() + _TURN
        with self.place.open(kinds) as carrier, Parcels(instances, opener) as parcels:
            for parcel in parcels:
                uid = parcel.stored.sop_instance_uid
                with parcel:
                    if self._is_closed():
                        return
                    if due[uid].cancelled.is_set():
                        continue
                    if self._carry(carrier, parcel, parcels, due[uid], tally):
                        del due[uid]
                if time.monotonic() >= ends:
                    return

    def _opener(self, recipient: Recipient) -> InstanceOpener:
        opener, name = self.archive.retrieve.opener(recipient), self.settings.anonymizer
        if not name:
            return opener
        return AnonymousOpener(opener, self.archive.anonymizers[name], self.archive.transcoding)

    def _is_closed(self) -> bool:
        if self.stopping or not self._hours:
            return self.stopping
        return next_opening(self._hours, now().astimezone()) is not None

    def _carry(
        self,
        carrier: Carrier,
        parcel: Parcel,
        parcels: Parcels,
        context: JobContext,
        tally: Tally,
    ) -> bool:
        """Send one; whether it was said what became of it. Raises `Away`."""
        priority = Priority(context.payload.get("priority", Priority.MEDIUM))
        try:
            taken = carrier.carry(parcel, priority, parcels.prepare)
        except Away:
            raise
        except PacsError as error:
            if self.stopping:
                return False  # our own doing
            tally.not_taken(error)
            self._not_sent(carrier, parcel, context, error)
        else:
            self._failures = 0
            context.done(tally.taken(parcel, taken))
        return True

    def _not_sent(
        self, carrier: Carrier, parcel: Parcel, context: JobContext, error: PacsError
    ) -> None:
        """Whose fault it is: of the destination (`Away` is raised), of ours, or of the instance."""
        if isinstance(error, Broken):
            carrier.look_again(parcel)
        if isinstance(error, _OURS) and not isinstance(error, ObjectNotFound):
            context.put_off(str(error), self._pauses.until(0))
            return
        final = isinstance(error, UnreadableInstance) or (
            isinstance(error, NotTaken) and error.final
        )
        self._fail(context, error, final=final)

    def _fail(self, context: JobContext, error: PacsError, *, final: bool) -> None:
        uid = context.payload["instance"]
        self._log.warning("an instance is not taken", instance=uid, cause=str(error), final=final)
        context.failed(str(error), final=final)

    def _away(self, due: Iterable[JobContext], error: Away) -> JobPutOff:
        """All wait, but for those that have waited for too long."""
        if self.stopping:
            return JobPutOff("the archive stops", until=_soon())
        until = self._pauses.until(self._failures)
        self._failures += 1
        self._log.warning("a destination is away", cause=str(error), next=until.isoformat())
        for context in due:
            if self._pauses.gives_up(context.job.created):
                context.failed(f"given up: {error}", final=True)
        return JobPutOff(str(error), until=until, kind_too=True)

    def _leave(self, due: Collection[JobContext]) -> None:
        """Those that were passed over are to end, or wait for better times."""
        again = _soon() if self._is_closed() else now()
        for context in due:
            if not context.cancelled.is_set():
                context.put_off("it was not its turn any more", again)
        for context in due:
            context.check()


def _by_instance(contexts: Sequence[JobContext]) -> dict[str, JobContext]:
    """One for each instance; the same one, wanted by a person as well, has to wait."""
    due: dict[str, JobContext] = {}
    for context in contexts:
        if due.setdefault(str(context.payload["instance"]), context) is not context:
            context.put_off("the same instance is being sent", _soon())
    return due


def _check(payload: Mapping[str, Any]) -> None:
    """Raise `JobRefused` for what is no order to send."""
    priority = payload.get("priority", str(Priority.MEDIUM))
    if not isinstance(payload.get("instance"), str) or priority not in set(Priority):
        raise JobRefused(
            'a job that sends has a payload such as {"instance": "1.2.3", "priority": "medium"}; '
            "`pacs routing send` makes them"
        )


def _soon() -> dt.datetime:
    return now() + dt.timedelta(seconds=_SOON)
