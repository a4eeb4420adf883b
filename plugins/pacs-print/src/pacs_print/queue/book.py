"""The jobs in the tables: taken in, claimed, changed, deleted.

A job is there whole or not at all, by one transaction. Every change names the state that it
expects, so of two who want to change a job one finds it changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa
from pydicom.uid import generate_uid

from pacs_framework.dicom.packed import pack, unpack
from pacs_framework.errors import PacsError
from pacs_framework.tables import Leases, now
from pacs_print.queue.model import OVER, Info, Job, Priority, State
from pacs_print.queue.records import FilmRecord
from pacs_print.tables import film, job, piece

if TYPE_CHECKING:
    from pydicom import Dataset
    from sqlalchemy.engine import Connection, Row

    from pacs_framework.tables import TableStore

__all__ = ["Book", "NewFilm", "NewJob", "NoSuchJob", "NotNow", "PixelReader", "QueueFull"]

PixelReader: TypeAlias = Callable[[int], Iterable[bytes]]
"""Gives the pixels at an Image Box Position, piece by piece."""

_j, _f, _p = job.c, film.c, piece.c
_PIECE = 1 << 20
_NOT_OVER = _j.state.not_in([*OVER])
_TO_DO = _NOT_OVER | (_j.handed != "")  # canceled, and to be taken back


class NoSuchJob(PacsError):
    """No job has this UID."""


class NotNow(PacsError):
    """The state of the job does not allow it."""


class QueueFull(PacsError):
    """The printer has as many jobs as it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFilm:
    """A film to be kept, and its pixels."""

    record: FilmRecord
    pixels: PixelReader


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to be kept, with films in the order in which they are printed.

    ``attributes`` are those of patient and study, where they are known.
    """

    printer: str
    originator: str
    films: Sequence[NewFilm]
    label: str = ""
    priority: Priority = Priority.MED
    copies: int = 1
    attributes: Dataset | None = None


class Book:
    """The jobs of ``store``; safe to use from many threads. ``ring`` tells who waits for news.

    Everything raises `IndexUnavailable` where the database fails.
    """

    def __init__(self, store: TableStore, ring: Callable[[], object] = lambda: None) -> None:
        self._store = store
        self._leases = Leases(store, job, _j.id)
        self._ring = ring

    @property
    def is_shared(self) -> bool:
        """Whether other nodes may change jobs, of which nobody tells us."""
        return self._leases.is_shared

    # --- taken in -----------------------------------------------------------------------------

    def take_in(self, new: NewJob, limit: int = 0) -> Job:
        """Keep a job; it is durable when this returns.

        Raises `QueueFull` where the printer has ``limit`` jobs that are not over (0: no limit).
        """
        with self._store.begin() as connection:
            self._check_room(connection, new.printer, limit)
            made = now()
            row = connection.execute(
                sa.insert(job)
                .values(
                    uid=str(generate_uid()),
                    printer=new.printer,
                    originator=new.originator,
                    label=new.label,
                    attributes=None if new.attributes is None else pack(new.attributes),
                    priority=int(new.priority),
                    copies=new.copies,
                    films=len(new.films),
                    state=State.PENDING,
                    info=Info.QUEUED,
                    held=False,
                    made=made,
                    turn=1,
                    due=made,
                )
                .returning(job)
            ).one()
            for number, each in enumerate(new.films, 1):
                _keep(connection, row.id, number, each)
        self._ring()
        return _job(row)

    @staticmethod
    def _check_room(connection: Connection, printer: str, limit: int) -> None:
        counted = sa.select(sa.func.count()).where(_j.printer == printer, _NOT_OVER)
        if limit and (connection.scalar(counted) or 0) >= limit:
            raise QueueFull(f"printer {printer!r} has {limit} jobs that are not over")

    # --- looked at ----------------------------------------------------------------------------

    def get(self, uid: str) -> Job:
        """The job with this UID, or the one whose UID ends so. Raises `NoSuchJob`."""
        with self._store.reading() as connection:
            row = connection.execute(sa.select(job).where(_j.uid == uid)).one_or_none()
        if row is None:
            raise NoSuchJob(f"there is no print job {uid!r}; `pacs print queue` lists them")
        return _job(row)

    def listed(
        self, *, printer: str = "", states: Collection[State] = (), most: int = 0
    ) -> list[Job]:
        """Jobs by what is asked for, the newest last; at most the ``most`` newest of them."""
        asked = sa.select(job).order_by(_j.id.desc())
        if printer:
            asked = asked.where(_j.printer == printer)
        if states:
            asked = asked.where(_j.state.in_([*states]))
        with self._store.reading() as connection:
            rows = connection.execute(asked.limit(most) if most else asked).all()
        return [_job(row) for row in reversed(rows)]

    def turns(self, uids: Collection[str]) -> list[Job]:
        """The jobs with these UIDs that are still kept."""
        with self._store.reading() as connection:
            return [_job(r) for r in connection.execute(sa.select(job).where(_j.uid.in_([*uids])))]

    def trouble(self, printer: str) -> str:
        """Why the oldest job of a printer could not be delivered that is tried again, as Execution
        Status Info; empty where there is none.
        """
        asked = (
            sa.select(_j.info)
            .where(_j.printer == printer, _NOT_OVER, ~_j.held, _j.attempts > 0)
            .order_by(_j.id)
            .limit(1)
        )
        with self._store.reading() as connection:
            return str(connection.scalar(asked) or "")

    def films(self, found: Job) -> list[FilmRecord]:
        """The films of a job, without their pixels."""
        asked = sa.select(_f.record).where(_f.job_fk == found.id).order_by(_f.number)
        with self._store.reading() as connection:
            return [FilmRecord.model_validate_json(each) for each in connection.scalars(asked)]

    def attributes(self, found: Job) -> Dataset | None:
        """Those of patient and study, where they are known."""
        with self._store.reading() as connection:
            packed = connection.scalar(sa.select(_j.attributes).where(_j.id == found.id))
        return None if packed is None else unpack(packed)

    def pixels(self, found: Job, number: int, position: int) -> bytes:
        """Those of an image of its film ``number`` (from 1)."""
        asked = (
            sa.select(_p.data)
            .where(_p.job_fk == found.id, _p.film == number, _p.image == position)
            .order_by(_p.number)
        )
        with self._store.reading() as connection:
            return b"".join(connection.scalars(asked))

    # --- worked on ----------------------------------------------------------------------------

    def claim(self, owner: str, until: dt.datetime, printers: Collection[str]) -> Job | None:
        """The next job of one of ``printers``, now ours until then.

        By priority, then by age; it is PRINTING from now on. One that is over is to be taken back
        from outputs.
        """
        for priority in Priority:
            rows = self._leases.claim(
                owner, until, _j.priority == int(priority), _j.printer.in_([*printers]), _TO_DO
            )
            if rows and rows[0].state in OVER:
                return _job(rows[0])
            if rows:
                # After a failed attempt the reason stands until this one is over.
                info = rows[0].info if rows[0].attempts else Info.NORMAL
                return self._change(rows[0].id, owner, state=State.PRINTING, info=info, due=until)
        return None

    def renew(self, found: Job, owner: str, until: dt.datetime) -> bool:
        """Stay the owner until then; False when somebody else is, or it was canceled."""
        return self._leases.renew(found.id, owner, until)

    def done(self, found: Job, owner: str) -> bool:
        """All of it is delivered; False when it was no longer ours."""
        return self._end(found, owner, State.DONE, Info.NORMAL)

    def fail(self, found: Job, owner: str, info: str, error: str) -> bool:
        """It cannot be printed, now or later."""
        return self._end(found, owner, State.FAILURE, info, error=error)

    def hand_over(
        self,
        found: Job,
        owner: str,
        handed: str,
        until: dt.datetime,
        *,
        info: str = Info.NORMAL,
        error: str = "",
    ) -> bool:
        """Outputs have it in their hands, and are asked again then; False when it was no longer
        ours. With an ``info`` that is not NORMAL the printer is in trouble.
        """
        changed = self._change(
            found.id,
            owner,
            state=State.PRINTING,
            info=info,
            error=error,
            attempts=int(info != Info.NORMAL),
            handed=handed,
            due=until,
            owner="",
        )
        return changed is not None

    def taken_back(self, found: Job, owner: str) -> None:
        """No output has anything of a job in its hands that was canceled."""
        self._leases.change(found.id, owner, handed="", due=None, owner="")

    def put_off_taking_back(self, found: Job, owner: str, until: dt.datetime) -> None:
        """It could not be taken back; the next attempt is due then."""
        attempts = _j.attempts + 1
        self._leases.change(found.id, owner, attempts=attempts, due=until, owner="")
        self._ring()

    def put_off(self, found: Job, owner: str, info: str, error: str, until: dt.datetime) -> bool:
        """An attempt failed; the next one is due then."""
        changed = self._change(
            found.id,
            owner,
            state=State.PENDING,
            info=info,
            error=error,
            attempts=_j.attempts + 1,
            due=until,
            owner="",
        )
        return changed is not None

    def _end(self, found: Job, owner: str, state: State, info: str, error: str = "") -> bool:
        ended = self._change(
            found.id,
            owner,
            state=state,
            info=info,
            error=error,
            handed="",
            due=None,
            owner="",
            ended=now(),
        )
        return ended is not None

    def _change(
        self, number: int, expected: str, /, *, state: State, info: str, **values: Any
    ) -> Job | None:
        """Who watches hears of it where the state is another one, or the reason for it."""
        same = (_j.state == state.value) & (_j.info == str(info))
        turn = _j.turn + sa.case((same, 0), else_=1)
        with self._store.begin() as connection:
            row = connection.execute(
                sa.update(job)
                .where(_j.id == number, _j.owner == expected, _NOT_OVER)
                .values(turn=turn, state=state.value, info=str(info), **values)
                .returning(job)
            ).one_or_none()
        self._ring()
        return None if row is None else _job(row)

    def release(self, owner: str) -> None:
        """What ``owner``, who is gone, did not finish is due at once."""
        self._leases.release(owner)

    def pause(self, lease: float, printers: Collection[str]) -> float | None:
        """Seconds until a job of ``printers`` is due; None for not before there is news."""
        return self._leases.pause(lease, _j.printer.in_([*printers]), _TO_DO)

    # --- by hand ------------------------------------------------------------------------------

    def hold(self, uid: str) -> Job:
        """Print it only when it is let go. Raises `NoSuchJob`, `NotNow`."""
        return self._by_hand(
            uid, _j.state == State.PENDING, "waits", held=True, info=Info.HELD, due=None, owner=""
        )

    def let_go(self, uid: str) -> Job:
        """The end of `hold`; also another attempt at once for one that waits for that."""
        return self._by_hand(
            uid,
            _j.state == State.PENDING,
            "waits",
            held=False,
            info=sa.case((_j.held, Info.QUEUED.value), else_=_j.info),  # or why it failed
            due=now(),
            owner="",
        )

    def cancel(self, uid: str) -> Job:
        """It is not printed; one that is being printed ends with the film it is at, and is taken
        back from the outputs that have it in their hands.
        """
        return self._by_hand(
            uid,
            _NOT_OVER,
            "is not over",
            state=State.FAILURE,
            info=Info.CANCELED,
            held=False,
            error="canceled",
            due=sa.case((_j.handed != "", now()), else_=None),
            owner="",
            ended=now(),
        )

    def reprint(self, uid: str, copies: int | None = None) -> Job:
        """A new job with the films of one that is over. Raises `NoSuchJob`, `NotNow`."""
        found = self.get(uid)
        if found.state not in OVER:
            raise NotNow(f"print job {uid!r} is {found.state}; only one that is over is reprinted")
        records = self.films(found)
        if len(records) < found.films:
            raise NotNow(f"the films of print job {uid!r} are no longer kept")

        def from_book(number: int) -> PixelReader:
            return lambda position: [self.pixels(found, number, position)]

        return self.take_in(
            NewJob(
                printer=found.printer,
                originator=found.originator,
                label=found.label,
                priority=found.priority,
                copies=found.copies if copies is None else copies,
                attributes=self.attributes(found),
                films=[
                    NewFilm(record=record, pixels=from_book(number))
                    for number, record in enumerate(records, 1)
                ],
            )
        )

    def _by_hand(self, uid: str, only: Any, wanted: str, **values: Any) -> Job:
        with self._store.begin() as connection:
            row = connection.execute(
                sa.update(job)
                .where(_j.uid == uid, only)
                .values(turn=_j.turn + 1, **_named(values))
                .returning(job)
            ).one_or_none()
        if row is None:
            found = self.get(uid)
            raise NotNow(f"print job {uid!r} is {found.state}; this is for one that {wanted}")
        self._ring()
        return _job(row)

    # --- the end ------------------------------------------------------------------------------

    def delete_ended(self, before: dt.datetime) -> int:
        """Forget jobs that ended before then, with their films; how many."""
        over = sa.select(_j.id).where(_j.ended < before)
        with self._store.reading() as connection:
            gone = [*connection.scalars(over)]
        for number in gone:
            with self._store.begin() as connection:
                connection.execute(sa.delete(piece).where(_p.job_fk == number))
                connection.execute(sa.delete(film).where(_f.job_fk == number))
                connection.execute(sa.delete(job).where(_j.id == number))
        return len(gone)

    def first_end(self) -> dt.datetime | None:
        """When the job ended that is to be forgotten next."""
        with self._store.reading() as connection:
            first: dt.datetime | None = connection.scalar(sa.select(sa.func.min(_j.ended)))
        return first


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    """For an UPDATE, with enumerations as text."""
    return {k: v.value if isinstance(v, State | Info) else v for k, v in values.items()}


def _keep(connection: Connection, number: int, film_number: int, new: NewFilm) -> None:
    connection.execute(
        sa.insert(film).values(
            job_fk=number, number=film_number, record=new.record.model_dump_json()
        )
    )
    for image in new.record.images:
        for count, data in enumerate(_cut(new.pixels(image.position)), 1):
            connection.execute(
                sa.insert(piece).values(
                    job_fk=number,
                    film=film_number,
                    image=image.position,
                    number=count,
                    data=data,
                )
            )


def _cut(pieces: Iterable[bytes]) -> Iterable[bytes]:
    for each in pieces:
        for start in range(0, len(each), _PIECE):
            yield each[start : start + _PIECE]


def _job(row: Row[Any]) -> Job:
    values = {name: getattr(row, name) for name in Job.__dataclass_fields__}
    values |= {"state": State(row.state), "priority": Priority(row.priority)}
    return Job(**values)
