"""Peers for the tests: pynetdicom as SCU of each SOP class, and as SCP of event reports."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import (
    UnifiedProcedureStepEvent,
    UnifiedProcedureStepPull,
    UnifiedProcedureStepPush,
    UnifiedProcedureStepQuery,
    UnifiedProcedureStepWatch,
)

__all__ = [
    "NET",
    "PULL",
    "PUSH",
    "QUERY",
    "WATCH",
    "Listener",
    "Told",
    "Worker",
    "code",
    "listener",
    "results",
]

NET = 30  # seconds, against tests that never end
PUSH, PULL = UnifiedProcedureStepPush, UnifiedProcedureStepPull
WATCH, QUERY = UnifiedProcedureStepWatch, UnifiedProcedureStepQuery
SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]


def code(value: str = "1") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "99T", f"Code {value}"
    return item


def results(**more: Any) -> Dataset:
    """Modifications with which a step can be COMPLETED."""
    performed = Dataset()
    performed.PerformedStationNameCodeSequence = [code()]
    performed.PerformedProcedureStepStartDateTime = "20261121100000"
    performed.PerformedWorkitemCodeSequence = [code("2")]
    performed.PerformedProcedureStepEndDateTime = "20261121101500"
    performed.OutputInformationSequence = []
    dataset = Dataset()
    dataset.UnifiedProcedureStepPerformedProcedureSequence = [performed]
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    return dataset


@dataclass(frozen=True)
class Told:
    """A report."""

    uid: str
    type: int
    information: Dataset

    @property
    def state(self) -> str:
        return str(self.information.get("ProcedureStepState", ""))


@dataclass
class Listener:
    """Takes reports as ``aet`` into ``reports``; first ``statuses`` are answered, in order."""

    aet: str
    reports: queue.Queue[Told] = field(default_factory=queue.Queue)
    statuses: list[int] = field(default_factory=list)
    port: int = 0

    def handle(self, event: evt.Event) -> tuple[int, None]:
        if self.statuses:
            return self.statuses.pop(0), None
        request = event.request
        assert request.AffectedSOPClassUID == PUSH
        uid = str(request.AffectedSOPInstanceUID)
        self.reports.put(Told(uid, request.EventTypeID, event.event_information))
        return 0, None

    def report(self) -> Told:
        return self.reports.get(timeout=NET)

    def quiet(self, seconds: float = 0.3) -> bool:
        try:
            self.reports.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    @property
    def settings(self) -> dict[str, Any]:
        return {"aet": self.aet, "host": "127.0.0.1", "port": self.port}


@contextmanager
def listener(aet: str, *, roles: bool = True) -> Iterator[Listener]:
    peer, ae = Listener(aet), AE(aet)
    ae.acse_timeout = 2  # else it waits for 30 s for one that was killed while it associated
    both = {"scu_role": True, "scp_role": True} if roles else {}
    ae.add_supported_context(UnifiedProcedureStepEvent, SYNTAXES, **both)
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, peer.handle)]
    )
    peer.port = server.server_address[1]
    try:
        yield peer
    finally:
        server.shutdown()
        for thread in threading.enumerate():
            if thread.name.startswith("AcceptorThread"):
                thread.join(NET)


class Worker:
    """An SCU with an association for all SOP classes; methods return the status."""

    def __init__(self, archive: Any, aet: str = "WORKER") -> None:
        ae = AE(aet)
        for sop_class in (PUSH, PULL, WATCH, QUERY):
            ae.add_requested_context(sop_class, SYNTAXES)
        self.association: Association = ae.associate(
            archive.host, archive.port, ae_title=archive.aet
        )
        assert self.association.is_established

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.association.release()

    def create(self, uid: str | None, dataset: Dataset | None) -> Dataset:
        response, _ = self.association.send_n_create(dataset, PUSH, uid)
        return response

    def get(self, uid: str, *tags: int, by: str = PULL) -> tuple[Dataset, Dataset]:
        return self.association.send_n_get(list(tags), PUSH, uid, meta_uid=by)

    def set(self, uid: str, dataset: Dataset) -> Dataset:
        response, _ = self.association.send_n_set(dataset, PUSH, uid, meta_uid=PULL)
        return response

    def act(self, action: int, uid: str, by: str, **information: Any) -> int:
        dataset = Dataset()
        for keyword, value in information.items():
            setattr(dataset, keyword, value)
        response, _ = self.association.send_n_action(
            dataset if information else None, action, PUSH, uid, meta_uid=by
        )
        return int(response.Status)

    def state(self, uid: str, wanted: str, lock: str) -> int:
        return self.act(1, uid, PULL, ProcedureStepState=wanted, TransactionUID=lock)

    def subscribe(self, uid: str, aet: str, lock: str = "FALSE", **keys: Any) -> int:
        return self.act(3, uid, WATCH, ReceivingAE=aet, DeletionLock=lock, **keys)

    def find(self, by: str = PULL, **keys: Any) -> list[tuple[int, Dataset | None]]:
        identifier = Dataset()
        for keyword, value in keys.items():
            setattr(identifier, keyword, value)
        return [
            (int(status.Status), answer)
            for status, answer in self.association.send_c_find(identifier, by)
        ]
