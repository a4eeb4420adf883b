"""The book of performed procedure steps: each change of one is a transaction, durable when over.

With a step goes all that follows from it, in the same transaction: which instances are awaited,
whether its studies are complete, and who is to hear of that.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from pydicom import Dataset
from sqlalchemy.exc import IntegrityError

from pacs_framework.dicom.matching import normalise_datetime
from pacs_framework.dicom.status import Status
from pacs_framework.network.errors import NormalizedFailure
from pacs_framework.tables import insert
from pacs_mpps.checking import check_change, check_end
from pacs_mpps.encoding import encoded, merged, pack, unpack
from pacs_mpps.model import (
    MAY_NO_LONGER_BE_UPDATED,
    CompletedStudy,
    EventType,
    ProcedureStep,
    StepStatus,
    instances_of,
    step_of,
    text_of,
)
from pacs_mpps.outbox import Kind, add, now
from pacs_mpps.tables import instance, scheduled, step, study

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row

    from pacs_framework.tables import TableStore

__all__ = ["Book", "Receivers", "Recorded"]

_AT_ONCE = 500
_step, _scheduled, _instance, _study = step.c, scheduled.c, instance.c, study.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Receivers:
    """Who is to hear of steps: plugins by their hook, and peers by their AE title."""

    of_steps: Sequence[str] = ()
    of_studies: Sequence[str] = ()
    forward_to: Sequence[str] = ()
    notify: Sequence[str] = ()

    @property
    def nobody(self) -> bool:
        """Whether a change of a step is told to no one."""
        return not (self.of_steps or self.forward_to or self.notify)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A step as the book has it; ``awaited`` are instances that it lists and that are not stored.

    ``created`` and ``changed`` are in UTC, ``start`` is by the clock of the modality.
    """

    step: ProcedureStep
    peer_aet: str
    start: str
    created: dt.datetime
    changed: dt.datetime
    awaited: tuple[str, ...] = ()


class Book:
    """The steps in ``store``; safe to use from many threads.

    ``receivers`` are asked for with each change; ``strict`` as in the settings.
    """

    def __init__(
        self,
        store: TableStore,
        receivers: Callable[[], Receivers] = Receivers,
        *,
        strict: bool = False,
    ) -> None:
        self._store = store
        self._receivers = receivers
        self._strict = strict

    # --- changing -------------------------------------------------------------------------------

    def create(self, uid: str, dataset: Dataset, peer_aet: str) -> None:
        """Note a step that begins; ``dataset`` is checked.

        Raises `NormalizedFailure`, 0111H when there is one of this UID.
        """
        sent = self._passed_on(dataset)
        data = pack(dataset)
        columns = _columns(dataset) | {
            "sop_instance_uid": uid,
            "peer_aet": peer_aet,
            "created": now(),
            "changed": now(),
            "dataset": data,
        }
        try:
            with self._store.begin() as connection:
                inserted = connection.execute(sa.insert(step).values(columns).returning(_step.id))
                _schedule(connection, int(inserted.scalar_one()), dataset)
                self._tell(connection, uid, "N-CREATE", data, sent, StepStatus.IN_PROGRESS)
        except IntegrityError:
            raise NormalizedFailure(
                f"there is a step {uid}", status=Status.DUPLICATE_SOP_INSTANCE
            ) from None

    def change(
        self, uid: str, changes: Dataset, stored: Callable[[list[str]], set[str]]
    ) -> list[str]:
        """Change a step that is in progress, and end it if that is what ``changes`` say.

        ``stored`` tells which of some instances the archive has. The instances that the step awaits
        are returned: one may have come in just now, and not been seen, so look again and tell
        `arrived`. Raises `NormalizedFailure`; nothing is changed then.
        """
        known = stored(listed) if (listed := instances_of(changes)) else set()
        with self._store.begin() as connection:
            row = connection.execute(
                sa.select(_step.id, _step.status, _step.dataset)
                .where(_step.sop_instance_uid == uid)
                .with_for_update()
            ).one_or_none()
            before = _changeable(row, uid)
            check_change(changes, before, strict=self._strict)
            sent = self._passed_on(changes)
            dataset = merged(before, changes)
            after = step_of(uid, dataset)
            if after.status.final:
                check_end(dataset, changes, strict=self._strict)
            data = pack(dataset)
            assert row is not None
            connection.execute(
                sa.update(step)
                .where(_step.id == row.id)
                .values(_columns(dataset) | {"dataset": data, "changed": now()})
            )
            ended = after.status if after.status.final else None
            self._tell(connection, uid, "N-SET", data, sent, ended)
            awaited = _await(connection, row.id, after, known)
            if ended:
                self._complete(connection, {each.study_instance_uid for each in after.scheduled})
        return awaited

    def arrived(self, uids: Iterable[str]) -> bool:
        """Instances are stored now; whether a study is complete by that."""
        wanted = list(uids)
        if not self._awaited(wanted):
            return False
        with self._store.begin() as connection:
            rows = connection.execute(
                sa.update(instance)
                .where(_instance.sop_instance_uid.in_(wanted), ~_instance.stored)
                .values(stored=True)
                .returning(_instance.step_fk)
            )
            steps = {row.step_fk for row in rows}
            studies = connection.scalars(
                sa.select(_scheduled.study_instance_uid).where(_scheduled.step_fk.in_(steps))
            )
            return self._complete(connection, set(studies))

    def _awaited(self, uids: list[str]) -> bool:
        waiting = sa.select(_instance.step_fk).where(
            _instance.sop_instance_uid.in_(uids), ~_instance.stored
        )
        with self._store.reading() as connection:
            return connection.execute(waiting.limit(1)).first() is not None

    def all_awaited(self) -> Iterator[list[str]]:
        """Every instance that is awaited, some at a time."""
        last = ""
        while True:
            selected = (
                sa.select(_instance.sop_instance_uid)
                .where(~_instance.stored, _instance.sop_instance_uid > last)
                .distinct()
                .order_by(_instance.sop_instance_uid)
                .limit(_AT_ONCE)
            )
            with self._store.reading() as connection:
                found = list(connection.scalars(selected))
            if not found:
                return
            yield found
            last = found[-1]

    def _passed_on(self, dataset: Dataset) -> bytes:
        """What peers get: as it came, in the character set that it came in."""
        return encoded(dataset) if self._receivers().forward_to else b""

    def _tell(
        self,
        connection: Connection,
        uid: str,
        operation: str,
        data: bytes,
        sent: bytes,
        news: StepStatus | None,
    ) -> None:
        """Note who is to hear; ``news`` is a new status."""
        receivers = self._receivers()
        if receivers.nobody:
            return
        add(connection, Kind.FORWARD, receivers.forward_to, lane=uid, event=operation, payload=sent)
        if news is not None:
            hook = "on_procedure_step"
            add(connection, Kind.HOOK, receivers.of_steps, lane=uid, event=hook, payload=data)
            event = str(EventType[news.name].value)
            add(connection, Kind.NOTIFY, receivers.notify, lane=uid, event=event)

    def _complete(self, connection: Connection, studies: Collection[str]) -> bool:
        """Whether a study is complete now that was not; who is to hear of it is noted."""
        news = False
        for uid in sorted(studies):  # in one order, so that two transactions never cross
            completions = connection.execute(
                sa.select(_study.completions)
                .where(_study.study_instance_uid == uid)
                .with_for_update()
            ).scalar_one()
            fresh = _fresh(connection, uid)
            if not fresh:
                continue
            number = completions + 1
            connection.execute(
                sa.update(scheduled)
                .where(_scheduled.study_instance_uid == uid, _scheduled.step_fk.in_(fresh))
                .values(completion=number)
            )
            connection.execute(
                sa.update(study).where(_study.study_instance_uid == uid).values(completions=number)
            )
            add(
                connection,
                Kind.HOOK,
                self._receivers().of_studies,
                lane=uid,
                event="on_study_complete",
                number=number,
            )
            news = True
        return news

    # --- looking --------------------------------------------------------------------------------

    def get(self, uid: str) -> Recorded | None:
        """One step, with the instances that it awaits."""
        with self._store.reading() as connection:
            row = connection.execute(
                sa.select(step).where(_step.sop_instance_uid == uid)
            ).one_or_none()
            if row is None:
                return None
            awaited = connection.scalars(
                sa.select(_instance.sop_instance_uid)
                .where(_instance.step_fk == row.id, ~_instance.stored)
                .order_by(_instance.sop_instance_uid)
            )
            return _recorded(row, tuple(awaited))

    def find(
        self,
        *,
        statuses: Collection[StepStatus] = (),
        study_instance_uid: str = "",
        accession_number: str = "",
        patient_id: str = "",
        most: int = 0,
    ) -> list[Recorded]:
        """The steps that have all that is given, the newest first; ``most`` 0 for all."""
        conditions: list[sa.ColumnElement[bool]] = []
        conditions += [_step.status.in_([str(each) for each in statuses])] if statuses else []
        conditions += [_step.patient_id == patient_id] if patient_id else []
        for column, text in (
            (_scheduled.study_instance_uid, study_instance_uid),
            (_scheduled.accession_number, accession_number),
        ):
            if text:
                conditions.append(_step.id.in_(sa.select(_scheduled.step_fk).where(column == text)))
        selected = sa.select(step).where(*conditions).order_by(_step.id.desc())
        with self._store.reading() as connection:
            return [_recorded(row) for row in connection.execute(selected.limit(most or None))]

    def completed(self, study_instance_uid: str, number: int, when: dt.datetime) -> CompletedStudy:
        """The study, with the steps that have ended and do not belong to a later completion."""
        counted = _scheduled.completion.between(1, number)
        discontinued = _step.status == StepStatus.DISCONTINUED
        selected = (
            sa.select(_step.id, _step.sop_instance_uid, _step.dataset)
            .join(scheduled, _scheduled.step_fk == _step.id)
            .where(_scheduled.study_instance_uid == study_instance_uid, counted | discontinued)
            .distinct()
            .order_by(_step.id)
        )
        with self._store.reading() as connection:
            rows = connection.execute(selected).all()
        return CompletedStudy(
            study_instance_uid=study_instance_uid,
            number=number,
            completed=when,
            steps=tuple(step_of(row.sop_instance_uid, unpack(row.dataset)) for row in rows),
        )


def _changeable(row: Row[Any, Any, Any] | None, uid: str) -> Dataset:
    """The data set of a step that is in progress. Raises `NormalizedFailure`."""
    if row is None:
        raise NormalizedFailure(f"there is no step {uid}", status=Status.NO_SUCH_SOP_INSTANCE)
    if StepStatus(row.status).final:
        raise NormalizedFailure(
            "Performed Procedure Step Object may no longer be updated",
            status=Status.PROCESSING_FAILURE,
            error_id=MAY_NO_LONGER_BE_UPDATED,
        )
    return unpack(row.dataset)


def _columns(dataset: Dataset) -> dict[str, Any]:
    return {
        "status": text_of(dataset, "PerformedProcedureStepStatus"),
        "patient_id": text_of(dataset, "PatientID"),
        "station_aet": text_of(dataset, "PerformedStationAETitle"),
        "modality": text_of(dataset, "Modality"),
        "start": normalise_datetime(
            text_of(dataset, "PerformedProcedureStepStartDate"),
            text_of(dataset, "PerformedProcedureStepStartTime"),
        ),
    }


def _schedule(connection: Connection, number: int, dataset: Dataset) -> None:
    """The rows of what it was planned as, and of its studies."""
    items = dataset.ScheduledStepAttributesSequence
    rows = [
        {
            "step_fk": number,
            "position": position,
            "study_instance_uid": text_of(item, "StudyInstanceUID"),
            "accession_number": text_of(item, "AccessionNumber"),
            "completion": 0,
        }
        for position, item in enumerate(items)
    ]
    connection.execute(sa.insert(scheduled), rows)
    uids = sorted({str(row["study_instance_uid"]) for row in rows})
    connection.execute(
        insert(study, connection)
        .values([{"study_instance_uid": uid, "completions": 0} for uid in uids])
        .on_conflict_do_nothing()
    )


def _await(connection: Connection, number: int, after: ProcedureStep, known: set[str]) -> list[str]:
    """Note what a COMPLETED step lists; what of that is not stored as far as is known."""
    if after.status is not StepStatus.COMPLETED:
        return []
    rows = [
        {"step_fk": number, "sop_instance_uid": uid, "stored": uid in known}
        for uid in instances_of(after.dataset)
    ]
    if rows:
        connection.execute(sa.insert(instance), rows)
    return [str(row["sop_instance_uid"]) for row in rows if not row["stored"]]


def _fresh(connection: Connection, study_instance_uid: str) -> list[int]:
    """The COMPLETED steps that no completion has counted; none while the study is not complete."""
    rows = connection.execute(
        sa.select(_step.id, _step.status, _scheduled.completion)
        .join(scheduled, _scheduled.step_fk == _step.id)
        .where(_scheduled.study_instance_uid == study_instance_uid)
    ).all()
    if any(row.status == StepStatus.IN_PROGRESS for row in rows):
        return []
    completed = {row.id for row in rows if row.status == StepStatus.COMPLETED}
    awaiting = sa.select(_instance.step_fk).where(
        _instance.step_fk.in_(completed), ~_instance.stored
    )
    fresh = [row.id for row in rows if row.id in completed and not row.completion]
    if not fresh or connection.execute(awaiting.limit(1)).first() is not None:
        return []
    return fresh


def _recorded(row: Row[Any], awaited: tuple[str, ...] = ()) -> Recorded:
    return Recorded(
        step=step_of(row.sop_instance_uid, unpack(row.dataset)),
        peer_aet=row.peer_aet,
        start=row.start,
        created=row.created,
        changed=row.changed,
        awaited=awaited,
    )
