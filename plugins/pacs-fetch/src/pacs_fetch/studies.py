"""Fetching one study from a source: the work of a job.

A study is asked for again as often as somebody finds it missing. What is here already is compared
first, and only series that lack something are sent; what was fetched for a patient is looked at
when it has come.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import structlog

from pacs_fetch.ending import put_off_at_the_end
from pacs_fetch.hours import refuse_closed
from pacs_fetch.identity import strangers
from pacs_fetch.sources import Away, OtherArchive
from pacs_fetch.terms import kind_of
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.errors import PacsError
from pacs_framework.jobs import JobFailed, JobKind, JobOrder, JobPutOff, JobRefused, Rate, Repeat
from pacs_framework.moving.old_archive import FoundStudy, Refused, Sent
from pacs_framework.moving.one_study import take_over
from pacs_framework.tables import Pauses

if TYPE_CHECKING:
    from pacs_fetch.settings import Source
    from pacs_framework.archive.archive import Archive
    from pacs_framework.jobs import JobContext
    from pacs_framework.network.breaking import Breakable

__all__ = ["NotWhole", "StudyFetcher", "order_for"]

_A_MINUTE = 60.0
_FEW = 20  # instances are named

_log = structlog.get_logger(__name__)


class NotWhole(PacsError):
    """Not all of a study came."""


def order_for(
    source: str,
    study: FoundStudy,
    *,
    why: str,
    priority: int,
    patient: str = "",
) -> JobOrder:
    """To fetch ``study``. One job of it waits at a time, and one more where it has to be of a
    patient: these go first, and are not kept waiting by those that only make archives alike.

    ``patient`` is the digest of who it has to be of, ``why`` is shown with the job.
    """
    payload: dict[str, Any] = {"study": study.uid, "why": why}
    if study.instances is not None:
        payload["instances"] = study.instances
    if patient:
        payload["patient"] = patient
    return JobOrder(
        kind=kind_of(source),
        key=f"{study.uid} {patient}".strip(),
        lane=study.uid,
        payload=payload,
        priority=priority,
        repeat=Repeat.POSTPONE,
    )


class StudyFetcher:
    """Fetches studies from one source. Threads may share it."""

    def __init__(self, archive: Archive, settings: Source, calls: Breakable) -> None:
        self._archive = archive
        self._settings = settings
        self._calls = calls
        self._pauses = Pauses(
            first=settings.retry_first,
            longest=settings.retry_longest,
            give_up_after=settings.give_up_after,
        )
        self._lock = threading.Lock()
        self._failures = 0  # in a row, of the source as a whole

    def kind(self) -> JobKind:
        """The kind of its jobs."""
        settings = self._settings
        rate = Rate(jobs=settings.per_minute, seconds=_A_MINUTE) if settings.per_minute else None
        return JobKind(
            name=kind_of(settings.name),
            description=f"Fetch a study from {settings.name}",
            run=self.run,
            at_once=settings.at_once,
            everywhere=settings.at_once,
            rate=rate,
            attempts=settings.attempts,
            pauses=self._pauses,
            check=_check,
        )

    def run(self, context: JobContext) -> dict[str, Any]:
        """Fetch what is missing here of the study of ``context``.

        Raises `NotWhole`, `JobFailed` where instances of another patient came, `JobPutOff` where
        the source is away or its hours are over, and as `OldArchive` does.
        """
        refuse_closed(self._settings, kind_too=True)
        payload = context.payload
        study = FoundStudy(uid=payload["study"], instances=payload.get("instances"))
        try:
            with put_off_at_the_end(self._calls):
                result = self._fetch(context, study)
        except Away as error:
            raise self._away(context, error) from error
        with self._lock:
            self._failures = 0
        return result

    def _fetch(self, context: JobContext, study: FoundStudy) -> dict[str, Any]:
        peer, here = OtherArchive(self._archive, self._settings), self._archive.lookup
        known = {instance.sop_instance_uid for instance in here.instances(study.uid)}
        series = self._lacking(peer, study) if known else []
        if known and not series:
            return {"moved": 0, "here": len(known), "there": study.instances}
        taken = take_over(
            study,
            peer=peer,
            here=here,
            transfer=lambda study: peer.send(study, series, told=_telling(context)),
        )
        self._refuse_strangers(study.uid, known, str(context.payload.get("patient", "")))
        if taken.error:
            raise NotWhole(taken.error)
        _log.info("a study was fetched", source=peer.name, study=study.uid, instances=taken.here)
        return {"moved": taken.moved, "here": taken.here, "there": study.instances}

    def _lacking(self, peer: OtherArchive, study: FoundStudy) -> list[str]:
        """The series of which the source names instances that are not here.

        Raises `Refused` where it names none at all: then it is not known what is missing.
        """
        there = peer.instances_by_series(study.uid)
        if not any(there.values()):
            raise Refused(f"the peer names no instance of the study {study.uid!r}")
        present = self._archive.lookup.present
        return [series for series, each in there.items() if each.keys() - present(each)]

    def _refuse_strangers(self, study: str, known: set[str], patient: str) -> None:
        others = strangers(self._archive, study, known, patient) if patient else []
        if others:
            _log.error(
                "a source has sent instances of another patient",
                source=self._settings.name,
                study=study,
                instances=others[:_FEW],
            )
            raise JobFailed(
                f"{len(others)} instances came that are of another patient than the one whose "
                f"prior this is; they are filed under theirs: {', '.join(others[:_FEW])}"
            )

    def _away(self, context: JobContext, error: Away) -> JobPutOff | JobFailed:
        """All for the source wait; what has waited for too long is given up."""
        if self._pauses.gives_up(context.job.created):
            return JobFailed(f"given up: {error}")
        with self._lock:
            until = self._pauses.until(self._failures)
            self._failures += 1
        _log.warning("a source is away", cause=str(error), next=until.isoformat())
        return JobPutOff(str(error), until=until, kind_too=True)


def _telling(context: JobContext) -> Any:
    """Says how far a retrieval is, and cancels it when the job is canceled."""

    def told(sent: Sent) -> None:
        context.check()
        done = sent.completed + sent.failed + sent.warned
        context.progress(done, done + sent.left, "instances")

    return told


def _check(payload: Mapping[str, Any]) -> None:
    """Raise `JobRefused` for what is no order to fetch."""
    study, number = payload.get("study"), payload.get("instances")
    if not isinstance(study, str) or not is_valid_uid(study):
        raise JobRefused('a job that fetches has a payload such as {"study": "1.2.3"}')
    if number is not None and (not isinstance(number, int) or number < 0):
        raise JobRefused("instances of a job that fetches is no number of instances")
