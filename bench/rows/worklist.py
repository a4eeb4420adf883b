"""A modality asks for its day: C-FIND by station and day on a worklist of 100,000 steps."""

from __future__ import annotations

import datetime as dt
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa
from pydicom import Dataset
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ModalityWorklistInformationFind,
)

from bench.results import OURS, Column, Result
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.packed import pack
from pacs_framework.network.association import Association
from pacs_framework.network.requestor import connect
from pacs_framework.network.scu import c_find
from pacs_framework.network.service import AcceptedContext
from pacs_framework.tables import TableStore
from pacs_framework.testing.running import proposals, running_archive
from pacs_worklist import plugin
from pacs_worklist.items import columns_of
from pacs_worklist.tables import item, station

__all__ = ["measure_worklist"]

_STEPS = 100_000
_STATIONS, _A_DAY = 40, 10  # steps of one station on one day
_FIRST_DAY = dt.date(2026, 1, 1)
_QUERIES = 20
_REPEATS = 7
_SEED = 7
_AT_ONCE = 10_000

_TOP = ("PatientName", "PatientID", "AccessionNumber", "StudyInstanceUID", "RequestedProcedureID")
_STEP = (
    "ScheduledStationAETitle",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
    "Modality",
    "ScheduledProcedureStepID",
    "ScheduledProcedureStepDescription",
)


def measure_worklist(steps: int = _STEPS) -> Result:
    """The row: median of 20 queries with ten answers each, on the wire, in ms."""
    result = Result(
        name="worklist-day",
        title=f"worklist of one station and day, {steps:,} steps",
        unit="ms",
        higher_is_better=False,
        table="worklist",
    )
    column = result.columns.setdefault(OURS, Column())
    with (
        TemporaryDirectory(prefix="pacs-bench-") as folder,
        running_archive(Path(folder), {"worklist": plugin}) as running,
    ):
        _fill(running.archive.tables("worklist"), steps)
        uid = str(ModalityWorklistInformationFind)
        with connect(
            running.host,
            running.port,
            calling_aet="BENCH",
            called_aet=running.aet,
            contexts=proposals((uid,)),
        ) as association:
            context = association.context_for(uid)
            if context is None:
                raise ValueError("the archive does not take the Modality Worklist SOP class")
            column.samples += [_median(association, context, steps) for _ in range(_REPEATS)]
    return result


def _median(association: Association, context: AcceptedContext, steps: int) -> float:
    chosen = random.Random(_SEED).sample(range(steps), _QUERIES)
    taken = []
    for number in chosen:
        identifier = encode_identifier(_identifier(number), context.transfer_syntax)
        start = time.perf_counter()
        responses = list(c_find(association, context=context, identifier=identifier))
        taken.append((time.perf_counter() - start) * 1e3)
        if len(responses) != _A_DAY + 1:
            raise ValueError(f"{len(responses) - 1} matches, {_A_DAY} were expected")
    return statistics.median(taken)


def _day(number: int) -> str:
    return f"{_FIRST_DAY + dt.timedelta(days=number // (_A_DAY * _STATIONS)):%Y%m%d}"


def _station(number: int) -> str:
    return f"CT{number // _A_DAY % _STATIONS}"


def _identifier(number: int) -> Dataset:
    identifier, step = Dataset(), Dataset()
    for keyword in _TOP:
        setattr(identifier, keyword, "")
    for keyword in _STEP:
        setattr(step, keyword, "")
    step.ScheduledStationAETitle = _station(number)
    step.ScheduledProcedureStepStartDate = _day(number)
    identifier.ScheduledProcedureStepSequence = [step]
    return identifier


def _fill(store: TableStore, steps: int) -> None:
    """One transaction for many rows; encoding each by itself would take minutes."""
    for first in range(0, steps, _AT_ONCE):
        rows = list(_rows(first, min(first + _AT_ONCE, steps)))
        with store.begin() as connection:
            connection.execute(sa.insert(item), rows)
            planned = [
                {"aet": _station(row["id"] - 1), "start": row["start"], "item_fk": row["id"]}
                for row in rows
            ]
            connection.execute(sa.insert(station), planned)


def _rows(first: int, last: int) -> Iterator[dict[str, Any]]:
    """Steps that differ in their numbers, which are put into the encoded form of each ten."""
    for number in range(first, last):
        if number % _A_DAY == 0 or number == first:
            pattern = _dataset(number)
            encoded, columns = pack(pattern), columns_of(pattern)
        own = f"{number:06}"
        yield {
            **{k: v.replace("@@@@@@", own).replace("999999", own) for k, v in columns.items()},
            "id": number + 1,
            "order_key": own,
            "state": "scheduled",
            "dataset": encoded.replace(b"@@@@@@", own.encode()).replace(b"999999", own.encode()),
            "changed": dt.datetime.now(dt.UTC),
        }


def _dataset(number: int) -> Dataset:
    dataset, step = Dataset(), Dataset()
    dataset.PatientName, dataset.PatientID = "Patient^@@@@@@", "P@@@@@@"
    dataset.AccessionNumber = dataset.RequestedProcedureID = "A@@@@@@"
    dataset.StudyInstanceUID = "1.2.1999999"
    step.ScheduledStationAETitle, step.Modality = _station(number), "CT"
    step.ScheduledProcedureStepStartDate = _day(number)
    step.ScheduledProcedureStepStartTime = "1030"
    step.ScheduledProcedureStepID = "S@@@@@@"
    step.ScheduledProcedureStepDescription = "CT of the thorax"
    dataset.ScheduledProcedureStepSequence = [step]
    return dataset
