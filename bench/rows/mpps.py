"""Modalities begin and end steps: N-CREATE and N-SET, each durable when it is answered."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from pydicom import Dataset
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ModalityPerformedProcedureStep,
)

from bench.results import OURS, Column, Result
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.network.requestor import connect
from pacs_framework.network.scu import n_create, n_set
from pacs_framework.testing.running import RunningArchive, proposals, running_archive
from pacs_mpps import plugin

__all__ = ["measure_mpps"]

_MPPS = str(ModalityPerformedProcedureStep)
_ASSOCIATIONS = 8
_STEPS = 60  # of each association
_INSTANCES = 20  # that a step lists
_REPEATS = 5


def measure_mpps(associations: int = _ASSOCIATIONS, steps: int = _STEPS) -> Result:
    """The row: MPPS messages a second, an N-CREATE and an N-SET of each step being two of them."""
    result = Result(
        name="mpps",
        title=f"MPPS messages, {associations} associations",
        unit="messages/s",
        higher_is_better=True,
        table="mpps",
    )
    column = result.columns.setdefault(OURS, Column())
    with (
        TemporaryDirectory(prefix="pacs-bench-") as folder,
        running_archive(Path(folder), {"mpps": plugin}) as running,
    ):
        for turn in range(_REPEATS + 1):
            rate = _rate(running, turn, associations, steps)
            if turn:  # the first one warms up
                column.samples.append(rate)
    return result


def _rate(running: RunningArchive, turn: int, associations: int, steps: int) -> float:
    barrier = threading.Barrier(associations + 1)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            _modality(running, f"1.2.3.{turn}.{number}", steps, barrier)
        except BaseException as error:
            failures.append(error)
            barrier.abort()
            raise

    threads = [threading.Thread(target=work, args=(each,)) for each in range(associations)]
    for thread in threads:
        thread.start()
    barrier.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - start
    if failures:
        raise failures[0]
    return 2 * associations * steps / taken


def _modality(running: RunningArchive, root: str, steps: int, barrier: threading.Barrier) -> None:
    with connect(
        running.host,
        running.port,
        calling_aet="BENCH",
        called_aet=running.aet,
        contexts=proposals((_MPPS,)),
    ) as association:
        context = association.context_for(_MPPS)
        if context is None:
            raise ValueError("the archive does not take Modality Performed Procedure Steps")
        # Encoded before the clock runs: it is the archive that is measured.
        create, change = (
            encode_identifier(dataset, context.transfer_syntax)
            for dataset in (_begun(root), _ended(root))
        )
        barrier.wait()
        for number in range(steps):
            uid = f"{root}.{number}.1"
            # A study for each step, as modalities have it; of the same length, so bytes can change.
            study = f"{root}.{number + 1000}".encode()
            begun = n_create(
                association,
                context=context,
                sop_instance_uid=uid,
                attributes=create.replace(f"{root}.9999".encode(), study),
            )
            ended = n_set(association, context=context, sop_instance_uid=uid, modifications=change)
            if (begun.status, ended.status) != (Status.SUCCESS, Status.SUCCESS):
                raise ValueError(f"answered {begun.status:04X}H and {ended.status:04X}H")


def _begun(root: str) -> Dataset:
    scheduled, step = Dataset(), Dataset()
    scheduled.StudyInstanceUID = f"{root}.9999"
    scheduled.AccessionNumber = scheduled.RequestedProcedureID = "A1"
    scheduled.RequestedProcedureDescription = "CT of the thorax"
    scheduled.ScheduledProcedureStepID = "S1"
    scheduled.ScheduledProcedureStepDescription = "CT of the thorax"
    scheduled.ScheduledProtocolCodeSequence = scheduled.ReferencedStudySequence = []
    step.ScheduledStepAttributesSequence = [scheduled]
    step.PatientName, step.PatientID = "Doe^John", "P1"
    step.PatientBirthDate, step.PatientSex = "19700101", "M"
    step.PerformedProcedureStepID = "P1"
    step.PerformedStationAETitle = "CT1"
    step.PerformedProcedureStepStartDate = "20261121"
    step.PerformedProcedureStepStartTime = "103000"
    step.PerformedProcedureStepStatus = "IN PROGRESS"
    step.Modality = "CT"
    return step


def _ended(root: str) -> Dataset:
    step, series = Dataset(), Dataset()
    series.ProtocolName = "THORAX"
    series.SeriesInstanceUID = f"{root}.0"
    series.ReferencedImageSequence = [_reference(f"{root}.0.{n}") for n in range(_INSTANCES)]
    step.PerformedSeriesSequence = [series]
    step.PerformedProcedureStepStatus = "COMPLETED"
    step.PerformedProcedureStepEndDate = "20261121"
    step.PerformedProcedureStepEndTime = "104500"
    return step


def _reference(uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    item.ReferencedSOPInstanceUID = uid
    return item
