"""Modalities begin and end steps: N-CREATE and N-SET, each durable when it is answered."""

from __future__ import annotations

import logging
import statistics
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from pydicom import Dataset
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ModalityPerformedProcedureStep,
)

from bench.client.process import ClientProcess
from bench.results import OURS, Column, Result
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.errors import ConfigurationError
from pacs_framework.network.requestor import connect
from pacs_framework.network.scu import n_create, n_set
from pacs_framework.testing.running import RunningArchive, proposals, running_archive
from pacs_mpps import plugin
from pacs_worklist import plugin as worklist_plugin
from pacs_worklist.api import State, Worklist

__all__ = ["MPPS_ROWS", "measure_mpps"]

MPPS_ROWS = ("mpps-messages", "mpps-steps", "mpps-worklist")

_MPPS = str(ModalityPerformedProcedureStep)
_ASSOCIATIONS = 8
_STEPS = 60  # of each association
_INSTANCES = 20  # that a step lists
_REPEATS = 5
_FIRST = 1000  # number of the first study of an association
_OPEN = (State.SCHEDULED, State.STARTED)
_PATIENCE = 60.0  # seconds


def measure_mpps(associations: int = _ASSOCIATIONS, steps: int = _STEPS) -> list[Result]:
    """The rows: messages a second, N-CREATE and N-SET counted each, and whole steps a second; then
    messages a second of planned steps, until the worklist of the same process has followed them.
    """
    rates, share = _measured({"mpps": plugin}, associations, steps)
    planned, with_worklist = _measured(
        {"mpps": plugin, "worklist": worklist_plugin}, associations, steps
    )
    where = f"{associations} associations"
    return [
        _result(MPPS_ROWS[0], f"N-CREATE and N-SET, {where}", [2 * r for r in rates], share),
        _result(MPPS_ROWS[1], f"whole steps, {where}", rates, share),
        _result(
            MPPS_ROWS[2],
            f"N-CREATE and N-SET of steps that leave the worklist, {where}",
            [2 * r for r in planned],
            with_worklist,
        ),
    ]


def _measured(
    plugins: Mapping[str, object], associations: int, steps: int
) -> tuple[list[float], float]:
    """Steps a second in each turn, and the client's share of the CPU."""
    with (
        TemporaryDirectory(prefix="pacs-bench-") as folder,
        running_archive(Path(folder), plugins) as running,
        ClientProcess() as client,
    ):
        turns = [_turn(client, running, turn, associations, steps) for turn in range(_REPEATS + 1)]
    share = statistics.median(busy / taken for taken, busy in turns[1:])  # the first one warms up
    return [associations * steps / taken for taken, _ in turns[1:]], share


def _result(name: str, title: str, rates: list[float], share: float) -> Result:
    column = Column(samples=rates, client_share=share)
    return Result(
        name=name,
        title=title,
        unit="1/s",
        higher_is_better=True,
        table="mpps",
        columns={OURS: column},
    )


def _turn(
    client: ClientProcess, running: RunningArchive, turn: int, associations: int, steps: int
) -> tuple[float, float]:
    place = running.host, running.port, running.aet
    root = f"1.2.3.{turn}"
    worklist = _planned(running, root, associations, steps)
    taken, busy = client.run(modalities, place, root, associations, steps)
    begun = time.perf_counter()
    while worklist is not None and worklist.find(states=_OPEN, most=1):
        if time.perf_counter() - begun > _PATIENCE:
            raise ValueError("the worklist has not followed the steps that were performed")
        time.sleep(0.005)
    return taken + time.perf_counter() - begun, busy


def _planned(running: RunningArchive, root: str, associations: int, steps: int) -> Worklist | None:
    """The worklist with each of the steps that are to be performed, where there is one."""
    try:
        worklist = Worklist(running.archive.tables("worklist"))
    except ConfigurationError:
        return None
    for each in range(associations):
        for number in range(steps):
            worklist.put(_order(f"{root}.{each}.{number + _FIRST}"))
    return worklist


def _order(study: str) -> Dataset:
    step, order = Dataset(), Dataset()
    step.ScheduledStationAETitle, step.Modality = "CT1", "CT"
    step.ScheduledProcedureStepStartDate = "20261121"
    step.ScheduledProcedureStepStartTime = "1030"
    step.ScheduledProcedureStepID = "S1"
    order.PatientName, order.PatientID = "Doe^John", "P1"
    order.StudyInstanceUID, order.AccessionNumber = study, "A1"
    order.ScheduledProcedureStepSequence = [step]
    return order


def modalities(
    place: tuple[str, int, str], root: str, associations: int, steps: int
) -> tuple[float, float]:
    """Seconds that ``steps`` of each association took, and CPU seconds of the client's process.

    ``place`` is host, port and AE title of the archive. Raises what one of them raised.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    barrier = threading.Barrier(associations + 1)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            _modality(place, f"{root}.{number}", steps, barrier)
        except BaseException as error:
            failures.append(error)
            barrier.abort()
            raise

    threads = [threading.Thread(target=work, args=(each,)) for each in range(associations)]
    for thread in threads:
        thread.start()
    try:
        barrier.wait()
    except threading.BrokenBarrierError:
        raise failures[0] from None
    start, busy = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.join()
    taken, busy = time.perf_counter() - start, time.process_time() - busy
    if failures:
        raise failures[0]
    return taken, busy


def _modality(
    place: tuple[str, int, str], root: str, steps: int, barrier: threading.Barrier
) -> None:
    host, port, aet = place
    with connect(
        host, port, calling_aet="BENCH", called_aet=aet, contexts=proposals((_MPPS,))
    ) as association:
        context = association.context_for(_MPPS)
        if context is None:
            raise ValueError("the archive does not take Modality Performed Procedure Steps")
        # Encoded before the clock runs: it is the archive that is measured.
        create, change = (
            encode_identifier(dataset, context.transfer_syntax)
            for dataset in (_begun(root), _ended(root))
        )
        # A study for each step, as modalities have it; of the same length, so bytes can change.
        own, any_study = root.encode(), f"{root}.9999".encode()
        creations = [create.replace(any_study, b"%s.%d" % (own, n + _FIRST)) for n in range(steps)]
        barrier.wait()
        for number, creation in enumerate(creations):
            uid = f"{root}.{number}.1"
            begun = n_create(
                association, context=context, sop_instance_uid=uid, attributes=creation
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
