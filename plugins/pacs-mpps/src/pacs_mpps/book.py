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
from sqlalchemy.exc import IntegrityError

from pacs_framework.dicom.matching import normalise_datetime
from pacs_framework.dicom.packed import unpack
from pacs_framework.dicom.status import Status
from pacs_framework.network.errors import NormalizedFailure
from pacs_framework.tables import now
from pacs_mpps import statements
from pacs_mpps.attributes import Attributes, read
from pacs_mpps.checking import check_change, check_end, fill_in
from pacs_mpps.encoding import Received
from pacs_mpps.model import (
    MAY_NO_LONGER_BE_UPDATED,
    REFERENCES,
    CompletedStudy,
    EventType,
    ProcedureStep,
    StepStatus,
    step_of,
)
from pacs_mpps.outbox import Kind, add
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

    def create(self, uid: str, received: Received, peer_aet: str) -> None:
        """Note a step that begins; what is to be kept of ``received`` is checked.

        Raises `NormalizedFailure`, 0111H when there is one of this UID.
        """
        attributes, moment = received.kept, now()
        sent = self._passed_on(received)
        data = attributes.encoded()
        columns = _columns(attributes) | {
            "sop_instance_uid": uid,
            "peer_aet": peer_aet,
            "created": moment,
            "changed": moment,
            "dataset": data,
        }
        try:
            with self._store.begin() as connection:
                ((number,),) = statements.CREATE.run(connection, columns)
                _schedule(connection, number, attributes)
                self._tell(connection, uid, "N-CREATE", data, sent, StepStatus.IN_PROGRESS)
        except IntegrityError:
            raise NormalizedFailure(
                f"there is a step {uid}", status=Status.DUPLICATE_SOP_INSTANCE
            ) from None

    def change(
        self, uid: str, received: Received, stored: Callable[[list[str]], set[str]]
    ) -> list[str]:
        """Change a step that is in progress, and end it if that is what ``received`` says.

        ``stored`` tells which of some instances the archive has. The instances that the step awaits
        are returned: one may have come in just now, and not been seen, so look again and tell
        `arrived`. Raises `NormalizedFailure`; nothing is changed then.
        """
        changes = received.kept
        known = stored(listed) if (listed := _instances(changes)) else set()
        with self._store.begin() as connection:
            number, before = _changeable(statements.HOLD.run(connection, {"uid": uid}), uid)
            check_change(changes, before, strict=self._strict)
            sent = self._passed_on(received)
            after = before.merged(changes)
            columns = _columns(after)
            status = StepStatus(columns["status"])
            if status.final:
                check_end(after, changes, strict=self._strict)
            data = after.encoded()
            statements.CHANGE.run(
                connection, columns | {"number": number, "dataset": data, "changed": now()}
            )
            self._tell(connection, uid, "N-SET", data, sent, status if status.final else None)
            if status is StepStatus.COMPLETED:
                awaited = _await(connection, number, _instances(after), known)
            else:
                awaited = []
            if status.final:
                self._complete(connection, _studies(after))
        return awaited

    def arrived(self, uids: Iterable[str]) -> bool:
        """Instances are stored now; whether a study is complete by that."""
        wanted = self._awaited(uids)
        if not wanted:
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

    def _awaited(self, uids: Iterable[str]) -> list[str]:
        """Those that a step waits for; most that come in are in none, so nothing is locked yet."""
        wanted = list(uids)
        if 0 < len(wanted) <= statements.FEW:
            padded = [*wanted, *wanted[:1] * (statements.FEW - len(wanted))]
            named = {f"uid{number}": uid for number, uid in enumerate(padded)}
            return [uid for (uid,) in self._store.rows(statements.AWAITED, named)]
        selected = sa.select(_instance.sop_instance_uid).where(
            _instance.sop_instance_uid.in_(wanted), ~_instance.stored
        )
        with self._store.reading() as connection:
            return list(connection.scalars(selected.distinct()))

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

    def _passed_on(self, received: Received) -> bytes:
        """What peers get: as it came, in the character set that it came in."""
        if not self._receivers().forward_to:
            return b""
        if received.came is not received.kept:
            fill_in(received.came, received.kept)
        return received.came.encoded()

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
            ((completions,),) = statements.HOLD_STUDY.run(connection, {"uid": uid})
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


def _changeable(rows: Sequence[Any], uid: str) -> tuple[int, Attributes]:
    """Row and attributes of a step that is in progress. Raises `NormalizedFailure`."""
    if not rows:
        raise NormalizedFailure(f"there is no step {uid}", status=Status.NO_SUCH_SOP_INSTANCE)
    ((number, status, data),) = rows
    if StepStatus(status).final:
        raise NormalizedFailure(
            "Performed Procedure Step Object may no longer be updated",
            status=Status.PROCESSING_FAILURE,
            error_id=MAY_NO_LONGER_BE_UPDATED,
        )
    return number, read(bytes(data)).attributes


def _columns(attributes: Attributes) -> dict[str, Any]:
    return {
        "status": attributes.text("PerformedProcedureStepStatus"),
        "patient_id": attributes.text("PatientID"),
        "station_aet": attributes.text("PerformedStationAETitle"),
        "modality": attributes.text("Modality"),
        "start": normalise_datetime(
            attributes.text("PerformedProcedureStepStartDate"),
            attributes.text("PerformedProcedureStepStartTime"),
        ),
    }


def _studies(attributes: Attributes) -> set[str]:
    items = attributes.items("ScheduledStepAttributesSequence")
    return {item.text("StudyInstanceUID") for item in items}


def _instances(attributes: Attributes) -> list[str]:
    """The SOP Instance UIDs in Performed Series Sequence (0040,0340), each once."""
    return list(
        dict.fromkeys(
            reference.text("ReferencedSOPInstanceUID")
            for series in attributes.items("PerformedSeriesSequence")
            for keyword in REFERENCES
            for reference in series.items(keyword)
        )
    )


def _schedule(connection: Connection, number: int, attributes: Attributes) -> None:
    """The rows of what it was planned as, and of its studies."""
    rows = [
        {
            "step_fk": number,
            "position": position,
            "study_instance_uid": item.text("StudyInstanceUID"),
            "accession_number": item.text("AccessionNumber"),
            "completion": 0,
        }
        for position, item in enumerate(attributes.items("ScheduledStepAttributesSequence"))
    ]
    statements.SCHEDULE.run_many(connection, rows)
    studies = [
        {"study_instance_uid": uid, "completions": 0} for uid in sorted(_studies(attributes))
    ]
    statements.KNOW_STUDY.run_many(connection, studies)


def _await(connection: Connection, number: int, listed: list[str], known: set[str]) -> list[str]:
    """Note what a COMPLETED step lists; what of that is not stored as far as is known."""
    rows = [{"step_fk": number, "sop_instance_uid": uid, "stored": uid in known} for uid in listed]
    statements.AWAIT.run_many(connection, rows)
    return [uid for uid in listed if uid not in known]


def _fresh(connection: Connection, study_instance_uid: str) -> list[int]:
    """The COMPLETED steps that no completion has counted; none while the study is not complete."""
    rows = statements.STEPS_OF.run(connection, {"uid": study_instance_uid})
    if any(status == StepStatus.IN_PROGRESS for _, status, _, _ in rows):
        return []
    completed = [row for row in rows if row[1] == StepStatus.COMPLETED]
    if any(awaiting for _, _, _, awaiting in completed):
        return []
    return [number for number, _, completion, _ in completed if not completion]


def _recorded(row: Row[Any], awaited: tuple[str, ...] = ()) -> Recorded:
    return Recorded(
        step=step_of(row.sop_instance_uid, unpack(row.dataset)),
        peer_aet=row.peer_aet,
        start=row.start,
        created=row.created,
        changed=row.changed,
        awaited=awaited,
    )
