"""A modality for the tests, by pynetdicom; and plugins that listen."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from pydicom import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom import AE, evt
from pynetdicom.association import Association

from pacs_framework import hookimpl
from pacs_mpps.model import MPPS, RETRIEVE

__all__ = ["NET", "Listener", "Modality", "Peer", "begun", "ended", "listening_peer", "series"]

NET = 30  # seconds, against tests that never end
SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]


def begun(study: str = "", **attributes: Any) -> Dataset:
    """An N-CREATE with all that is Type 1; attributes of the scheduled step by their keyword, too.

    A value of None takes an attribute out.
    """
    scheduled, step = Dataset(), Dataset()
    scheduled.StudyInstanceUID = study or str(generate_uid())
    step.ScheduledStepAttributesSequence = [scheduled]
    step.PerformedProcedureStepID = "P1"
    step.PerformedStationAETitle = "CT1"
    step.PerformedProcedureStepStartDate = "20261121"
    step.PerformedProcedureStepStartTime = "103000"
    step.PerformedProcedureStepStatus = "IN PROGRESS"
    step.PatientID = "P1"
    step.PatientName = "Doe^John"
    step.Modality = "CT"
    planned = {"StudyInstanceUID", "AccessionNumber", "ScheduledProcedureStepID"}
    for keyword, value in attributes.items():
        target = scheduled if keyword in planned else step
        if value is None:
            del target[keyword]
        else:
            setattr(target, keyword, value)
    return step


def series(*instances: str) -> Dataset:
    """An item of Performed Series Sequence."""
    item = Dataset()
    item.ProtocolName = "THORAX"
    item.SeriesInstanceUID = str(generate_uid())
    item.ReferencedImageSequence = []
    for uid in instances:
        reference = Dataset()
        reference.ReferencedSOPClassUID = CTImageStorage
        reference.ReferencedSOPInstanceUID = uid
        item.ReferencedImageSequence.append(reference)
    return item


def ended(*instances: str, status: str = "COMPLETED", **attributes: Any) -> Dataset:
    """The N-SET that ends a step with one series."""
    step = Dataset()
    step.PerformedProcedureStepStatus = status
    step.PerformedProcedureStepEndDate = "20261121"
    step.PerformedProcedureStepEndTime = "104500"
    step.PerformedSeriesSequence = [series(*instances)]
    for keyword, value in attributes.items():
        if value is None:
            del step[keyword]
        else:
            setattr(step, keyword, value)
    return step


@dataclass
class Modality:
    """An association to ``archive``."""

    archive: Any
    aet: str = "CT1"

    def __enter__(self) -> Self:
        ae = AE(self.aet)
        for uid in (MPPS, RETRIEVE):
            ae.add_requested_context(uid, SYNTAXES)
        self.association: Association = ae.associate(
            self.archive.host, self.archive.port, ae_title=self.archive.aet
        )
        assert self.association.is_established
        return self

    def __exit__(self, *_: object) -> None:
        self.association.release()

    def create(self, dataset: Dataset | None, uid: str | None) -> Dataset:
        """N-CREATE; the status, which is a data set of command elements."""
        return self.association.send_n_create(dataset, MPPS, uid)[0]

    def set(self, dataset: Dataset | None, uid: str) -> Dataset:
        """N-SET, likewise."""
        return self.association.send_n_set(dataset, MPPS, uid)[0]

    def get(self, uid: str, tags: Sequence[int] = ()) -> tuple[Dataset, Dataset | None]:
        """N-GET; status and attributes."""
        return self.association.send_n_get(list(tags), RETRIEVE, uid)

    def begin(self, study: str = "", **attributes: Any) -> str:
        """N-CREATE that is taken; the UID."""
        uid = str(generate_uid())
        status = self.create(begun(study, **attributes), uid)
        assert status.Status == 0, status
        return uid

    def end(self, uid: str, *instances: str, **more: Any) -> None:
        """N-SET that is taken."""
        status = self.set(ended(*instances, **more), uid)
        assert status.Status == 0, status


@dataclass
class Listener:
    """A plugin that hears; the first ``failures`` calls raise."""

    failures: int = 0
    steps: queue.Queue[Any] = field(default_factory=queue.Queue)
    studies: queue.Queue[Any] = field(default_factory=queue.Queue)

    @hookimpl
    def on_procedure_step(self, step: Any) -> None:
        """Keep a step."""
        self._fail()
        self.steps.put(step)

    @hookimpl
    def on_study_complete(self, study: Any) -> None:
        """Keep a study."""
        self._fail()
        self.studies.put(study)

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise ValueError("not now")

    def study(self) -> Any:
        """The next one."""
        return self.studies.get(timeout=NET)

    def step(self) -> Any:
        """The next one."""
        return self.steps.get(timeout=NET)

    def hears_no_study(self, seconds: float = 0.3) -> bool:
        """None for a while."""
        try:
            self.studies.get(timeout=seconds)
        except queue.Empty:
            return True
        return False


@dataclass
class Peer:
    """What a peer was told: (operation, UID, data set or event type). It answers ``statuses``."""

    port: int = 0
    told: queue.Queue[tuple[str, str, Any]] = field(default_factory=queue.Queue)
    statuses: list[int] = field(default_factory=list)

    def create(self, event: evt.Event) -> tuple[int, Dataset | None]:
        """N-CREATE."""
        uid = str(event.request.AffectedSOPInstanceUID)
        return self._answer("N-CREATE", uid, event.attribute_list)

    def set(self, event: evt.Event) -> tuple[int, Dataset | None]:
        """N-SET."""
        uid = str(event.request.RequestedSOPInstanceUID)
        return self._answer("N-SET", uid, event.modification_list)

    def report(self, event: evt.Event) -> tuple[int, Dataset | None]:
        """N-EVENT-REPORT."""
        uid = str(event.request.AffectedSOPInstanceUID)
        return self._answer("N-EVENT-REPORT", uid, event.request.EventTypeID)

    def _answer(self, operation: str, uid: str, what: Any) -> tuple[int, Dataset | None]:
        status = self.statuses.pop(0) if self.statuses else 0
        if status == 0:
            self.told.put((operation, uid, what))
        return status, None

    def next(self) -> tuple[str, str, Any]:
        """What comes next."""
        return self.told.get(timeout=NET)


@contextmanager
def listening_peer(abstract_syntax: str = MPPS, *, port: int = 0) -> Iterator[Peer]:
    """A peer that listens as PEER."""
    peer = Peer()
    ae = AE("PEER")
    ae.add_supported_context(abstract_syntax, SYNTAXES, scu_role=True, scp_role=True)
    handlers = [
        (evt.EVT_N_CREATE, peer.create),
        (evt.EVT_N_SET, peer.set),
        (evt.EVT_N_EVENT_REPORT, peer.report),
    ]
    server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    peer.port = server.server_address[1]
    try:
        yield peer
    finally:
        server.shutdown()
        for thread in threading.enumerate():
            if thread.name.startswith("AcceptorThread"):
                thread.join(NET)
