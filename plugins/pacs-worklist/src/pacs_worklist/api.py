"""The worklist of the database, for commands and for other plugins.

::

    worklist = Worklist(archive.tables("worklist"))
    for item in worklist.find(accession_number="A1"):
        worklist.change_state(item.id, State.STARTED)

Every method is one transaction, durable when it returns. Two that change one step at once, in
threads, processes or on two nodes, come one after the other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from pydicom import Dataset
from sqlalchemy.exc import IntegrityError

from pacs_framework.dicom.packed import pack, unpack
from pacs_worklist.items import (
    Item,
    ItemError,
    State,
    UnknownItem,
    WrongState,
    columns_of,
    completed,
    stations_of,
)
from pacs_worklist.news import note, ring_for_news
from pacs_worklist.selecting import offered_rows
from pacs_worklist.statements import COMPLETE, PLANNED, START
from pacs_worklist.steps import STEPS, copy_of, step_of, text_of
from pacs_worklist.tables import item, station

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from pacs_framework.archive.archive import Archive
    from pacs_framework.tables import TableStore
    from pacs_worklist.query import WorklistQuery

__all__ = [
    "Item",
    "ItemError",
    "Performed",
    "State",
    "UnknownItem",
    "Worklist",
    "WrongState",
    "completed",
    "offered_steps",
]

_STATUS = "ScheduledProcedureStepStatus"
_AT_ONCE = 200  # rows that are fetched together


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """That a step of this number was begun or completed, in a study or of an order."""

    state: Literal[State.STARTED, State.COMPLETED]
    scheduled_procedure_step_id: str
    study_instance_uid: str
    accession_number: str = ""


class Worklist:
    """The scheduled procedure steps in ``store``."""

    def __init__(self, store: TableStore) -> None:
        self._store = store

    # --- looking --------------------------------------------------------------------------------

    def get(self, number: int) -> Item:
        """One step by its number. Raises `UnknownItem`."""
        with self._store.reading() as connection:
            return _one(connection, number)

    def find(
        self,
        *,
        order_key: str = "",
        patient_id: str = "",
        accession_number: str = "",
        study_instance_uid: str = "",
        requested_procedure_id: str = "",
        scheduled_procedure_step_id: str = "",
        modality: str = "",
        station_aet: str = "",
        days: tuple[str, str] = ("", ""),
        states: Collection[State] = (),
        most: int = 0,
    ) -> list[Item]:
        """The steps that have all that is given, earliest start first.

        ``days`` are the first and the last one as ``YYYYMMDD``, each empty for no limit; ``states``
        any of which; ``most`` how many at most, 0 for all.
        """
        wanted = {
            "order_key": order_key,
            "patient_id": patient_id,
            "accession_number": accession_number,
            "study_instance_uid": study_instance_uid,
            "requested_procedure_id": requested_procedure_id,
            "scheduled_procedure_step_id": scheduled_procedure_step_id,
            "modality": modality,
        }
        conditions = [item.c[name] == text for name, text in wanted.items() if text]
        if station_aet:
            planned = sa.select(station.c.item_fk).where(station.c.aet == station_aet)
            conditions.append(item.c.id.in_(planned))
        first, last = days
        conditions += [item.c.start >= first] if first else []
        conditions += [item.c.start <= f"{last}~"] if last else []
        if states:
            conditions.append(item.c.state.in_([state.value for state in states]))
        selected = sa.select(item).where(*conditions).order_by(item.c.start, item.c.id)
        with self._store.reading() as connection:
            return [_item(row) for row in connection.execute(selected.limit(most or None))]

    def offered(self, query: WorklistQuery, *, offer_days: int = 0) -> list[Dataset]:
        """The steps that match a query of a modality: those that are scheduled or started.

        ``offer_days``: see the setting. Where the query says how many are of use, one more at most.
        """
        found: list[Dataset] = []
        with self._store.reading() as connection:
            rows = connection.execution_options(yield_per=_AT_ONCE).execute(
                offered_rows(query, offer_days)
            )
            for row in rows:
                dataset = _stated(unpack(row.dataset), State(row.state))
                if query.matches(dataset):
                    found.append(dataset)
                    if query.most and len(found) > query.most:
                        break
        return found

    # --- changing -------------------------------------------------------------------------------

    def put(self, dataset: Dataset, *, order_key: str = "") -> Item:
        """Add a step, or change the one of the same order.

        ``order_key`` is what the order is called by whoever places it; without one, it is made of
        Study Instance UID and Scheduled Procedure Step ID. Identifiers that ``dataset`` lacks are
        kept from the step that is there, or made. A step that is completed or discontinued stays
        so. Raises `ItemError` for a data set that says too little.
        """
        for last_try in (False, True):
            try:
                with self._telling() as connection:
                    return _put(connection, dataset, order_key)
            except IntegrityError:  # somebody else has just added it: then it is changed
                if last_try:
                    raise
        raise AssertionError

    def change_state(self, number: int, state: State) -> Item:
        """Take a step on to ``state``; being there already is no error.

        Raises `UnknownItem`, and `WrongState` for one that is completed or discontinued.
        """
        with self._telling() as connection:
            there = _one(connection, number, claimed=True)
            _check(there, state)
            # Only the column: whoever reads the data set sees the state in it (see `_stated`).
            changes = {"state": state.value, "changed": dt.datetime.now(dt.UTC)}
            connection.execute(sa.update(item).where(item.c.id == number).values(changes))
            note(connection, number)
        return replace(there, state=state, dataset=_stated(_own(there.dataset), state))

    def perform(self, performed: Sequence[Performed]) -> None:
        """Take steps on by what was performed, in this order.

        Those that have come as far stay as they are, and what was not planned is passed over. No
        plugin is told of it here: who listens to modalities has ``on_procedure_step``. Each
        costs a statement or two: performed procedure steps come by the hundred a second. On SQLite
        all is one transaction, for one sync; on PostgreSQL, where others may wait for the rows,
        each is its own.
        """
        at_once = 1 if self._store.is_postgresql else len(performed)
        for start in range(0, len(performed), at_once or 1):
            with self._store.begin() as connection:
                for each in performed[start : start + at_once]:
                    _perform(connection, each)

    def update(
        self, number: int, change: Callable[[Dataset], None], *, state: State | None = None
    ) -> Item:
        """Let ``change`` alter the data set of a step, take it on to ``state``, and keep both.

        Raises `UnknownItem`, `WrongState` for a step that is completed or discontinued, `ItemError`
        for an outcome that says too little, and what ``change`` raises; then nothing is changed.
        """
        with self._telling() as connection:
            there = _one(connection, number, claimed=True)
            if there.state.final:
                raise WrongState(f"step {number} is {there.state.value} and cannot be changed")
            _check(there, state or there.state)
            dataset = _own(there.dataset)
            change(dataset)
            after = state or there.state
            return _write(connection, there.id, there.order_key, after, completed(dataset))

    def cancel_order(self, accession_number: str) -> list[Item]:
        """Discontinue every step of an order that is not completed; those that were concerned.

        Doing it twice is no error, and the second time concerns none.
        """
        with self._telling() as connection:
            selected = sa.select(item).where(
                item.c.accession_number == accession_number,
                item.c.state.in_([s.value for s in State if not s.final]),
            )
            there = [_item(row) for row in connection.execute(selected.with_for_update())]
            return [
                _write(connection, each.id, each.order_key, State.DISCONTINUED, each.dataset)
                for each in there
            ]

    def change_patient(
        self, patient_id: str, attributes: Dataset, *, issuer_of_patient_id: str | None = None
    ) -> int:
        """Write ``attributes`` into every step of a patient; how many those are.

        With a new Patient ID among them, that is a merge: the steps become those of the other
        patient. ``issuer_of_patient_id`` None is any. Steps that are completed or discontinued
        change too, as whose they were has changed.
        """
        conditions = [item.c.patient_id == patient_id]
        if issuer_of_patient_id is not None:
            conditions.append(item.c.issuer_of_patient_id == issuer_of_patient_id)
        with self._telling() as connection:
            selected = sa.select(item).where(*conditions).order_by(item.c.id).with_for_update()
            there = [_item(row) for row in connection.execute(selected)]
            for each in there:
                dataset = _own(each.dataset)
                dataset.update(attributes)
                if dataset == each.dataset:
                    continue
                _write(connection, each.id, each.order_key, each.state, completed(dataset))
        return len(there)

    @contextmanager
    def _telling(self) -> Iterator[Connection]:
        """A transaction, and the news of it where plugins listen (hook ``on_scheduled_step``)."""
        with self._store.begin() as connection:
            yield connection
        ring_for_news(self._store)


def _perform(connection: Connection, performed: Performed) -> None:
    """By study, or by accession number where a modality made a Study Instance UID of its own."""
    statements = START if performed.state is State.STARTED else COMPLETE
    values = {"state": performed.state.value, "changed": dt.datetime.now(dt.UTC)}
    for place in ("study_instance_uid", "accession_number"):
        wanted = getattr(performed, place)
        named = {"wanted": wanted, "step": performed.scheduled_procedure_step_id}
        if wanted and (
            statements[place].run(connection, {**values, **named})
            or PLANNED[place].run(connection, named)
        ):
            return


def _item(row: sa.Row[Any]) -> Item:
    state = State(row.state)
    return Item(
        id=row.id,
        order_key=row.order_key,
        state=state,
        dataset=_stated(unpack(row.dataset), state),
    )


def _check(there: Item, state: State) -> None:
    if not there.state.may_become(state):
        raise WrongState(f"step {there.id} is {there.state.value}; it cannot become {state.value}")


def _one(connection: Connection, number: int, *, claimed: bool = False) -> Item:
    selected = sa.select(item).where(item.c.id == number)
    row = connection.execute(selected.with_for_update() if claimed else selected).one_or_none()
    if row is None:
        raise UnknownItem(f"no step {number} in the worklist; `pacs worklist list --all` shows all")
    return _item(row)


def _put(connection: Connection, dataset: Dataset, order_key: str) -> Item:
    key = order_key or _key_of(dataset)
    there = None
    if key:
        selected = sa.select(item).where(item.c.order_key == key).with_for_update()
        row = connection.execute(selected).one_or_none()
        there = None if row is None else _item(row)
    if there is None:
        whole = completed(dataset)
        return _write(connection, None, key or _key_of(whole), State.SCHEDULED, whole)
    whole = completed(_with_identifiers(dataset, there.dataset))
    return _write(connection, there.id, key, there.state, whole)


def offered_steps(archive: Archive, first: str, last: str) -> list[Dataset]:
    """The steps that start on the days from ``first`` to ``last`` (``YYYYMMDD``), earliest first.

    Those of all sources, as a modality is told them: scheduled or started. Raises `PluginError`
    where pacs-worklist is not active or a source fails, so that a list is whole or none.
    """
    # Who only keeps steps needs neither the service nor the wire.
    from pacs_worklist.query import WorklistQuery  # noqa: PLC0415
    from pacs_worklist.service import find_items  # noqa: PLC0415

    step, identifier = Dataset(), Dataset()
    step.ScheduledProcedureStepStartDate = f"{first}-{last}"
    setattr(identifier, STEPS, [step])
    return find_items(WorklistQuery(identifier=identifier), archive)


def _key_of(dataset: Dataset) -> str:
    study = text_of(dataset, "StudyInstanceUID")
    step = text_of(step_of(dataset), "ScheduledProcedureStepID")
    return f"{study}/{step}" if study and step else ""


def _with_identifiers(dataset: Dataset, before: Dataset) -> Dataset:
    """The data set with the identifiers of the one before, where it has none of its own."""
    kept = _own(dataset)
    for keyword in ("StudyInstanceUID", "RequestedProcedureID"):
        if not text_of(kept, keyword):
            kept[keyword] = before[keyword]
    if kept.get(STEPS) and not text_of(step_of(kept), "ScheduledProcedureStepID"):
        step_of(kept).ScheduledProcedureStepID = step_of(before).ScheduledProcedureStepID
    return kept


def _own(dataset: Dataset) -> Dataset:
    """A copy that may be altered, with its steps."""
    own = copy_of(dataset)
    if own.get(STEPS):
        setattr(own, STEPS, [copy_of(step) for step in own[STEPS].value])
    return own


def _write(
    connection: Connection, number: int | None, order_key: str, state: State, dataset: Dataset
) -> Item:
    """The row of a step, and those of its stations, as ``dataset`` and ``state`` have it."""
    dataset = _with_status(dataset, state)
    columns = columns_of(dataset) | {
        "order_key": order_key,
        "state": state.value,
        "dataset": pack(dataset),
        "changed": dt.datetime.now(dt.UTC),
    }
    if number is None:
        inserted = connection.execute(sa.insert(item).values(columns).returning(item.c.id))
        number = int(inserted.scalar_one())
    else:
        connection.execute(sa.update(item).where(item.c.id == number).values(columns))
        connection.execute(sa.delete(station).where(station.c.item_fk == number))
    stations: Sequence[dict[str, object]] = [
        {"aet": aet, "start": columns["start"], "item_fk": number}
        for aet in dict.fromkeys(stations_of(dataset))
    ]
    connection.execute(sa.insert(station), stations)
    note(connection, number)
    return Item(id=number, order_key=order_key, state=state, dataset=dataset)


def _with_status(dataset: Dataset, state: State) -> Dataset:
    """A copy with the state as Scheduled Procedure Step Status (0040,0020); while it is scheduled,
    a better one (ARRIVED, READY) stays.
    """
    own = _own(dataset)
    step = step_of(own)
    before = text_of(step, _STATUS)
    final = {state.value.upper() for state in State}
    if state is State.SCHEDULED and (not before or before in final):
        step.ScheduledProcedureStepStatus = state.value.upper()
    return _stated(own, state)


def _stated(dataset: Dataset, state: State) -> Dataset:
    """The data set itself, with the state that its row has come to since it was encoded."""
    if state is not State.SCHEDULED:
        step_of(dataset).ScheduledProcedureStepStatus = state.value.upper()
    return dataset
