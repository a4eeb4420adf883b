"""A modality for the tests: pynetdicom as SCU, with a listener of its own for reports."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.association import Association

from pacs_storage_commitment.datasets import request_dataset
from pacs_storage_commitment.model import PUSH_MODEL, WELL_KNOWN_INSTANCE, Reference

__all__ = ["NET", "Modality", "Told", "listening_modality", "reference"]

NET = 30  # seconds, against tests that never end
SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]


@dataclass(frozen=True)
class Told:
    """A report: its event type, what is committed, and the failure reason of what is not."""

    transaction_uid: str
    event_type: int
    committed: tuple[str, ...]
    failed: dict[str, int]
    retrieve_aet: str = ""


@dataclass
class Modality:
    """Asks as ``aet``. Reports come into ``reports``; first ``statuses`` are answered, in order."""

    aet: str = "CT1"
    reports: queue.Queue[Told] = field(default_factory=queue.Queue)
    statuses: list[int] = field(default_factory=list)
    port: int = 0
    _answered: threading.Event = field(default_factory=threading.Event)

    def handle(self, event: evt.Event) -> tuple[int, None]:
        if self.statuses:
            return self.statuses.pop(0), None
        information = event.event_information
        self.reports.put(
            Told(
                transaction_uid=information.TransactionUID,
                event_type=event.request.EventTypeID,
                committed=tuple(
                    each.ReferencedSOPInstanceUID
                    for each in information.get("ReferencedSOPSequence", ())
                ),
                failed={
                    each.ReferencedSOPInstanceUID: each.FailureReason
                    for each in information.get("FailedSOPSequence", ())
                },
                retrieve_aet=information.get("RetrieveAETitle", ""),
            )
        )
        return 0, None

    def sent(self, event: evt.Event) -> None:
        """What goes out after a report came in is the answer to it."""
        if not self.reports.empty():
            self._answered.set()

    def associate(self, archive: Any) -> Association:
        ae = AE(self.aet)
        ae.add_requested_context(PUSH_MODEL, SYNTAXES)
        association = ae.associate(
            archive.host,
            archive.port,
            ae_title=archive.aet,
            evt_handlers=[
                (evt.EVT_N_EVENT_REPORT, self.handle),
                (evt.EVT_DATA_SENT, self.sent),
            ],
        )
        assert association.is_established
        return association

    def ask(
        self, archive: Any, uid: str, references: Iterable[Reference], *, stay: bool = False
    ) -> int:
        """N-ACTION; its status. With ``stay`` the association is kept until a report was answered:
        pynetdicom's reactor falls over an answer that is due while it releases."""
        association = self.associate(archive)
        status = self.ask_on(association, request_dataset(uid, references))
        if stay:
            assert self._answered.wait(NET)
        association.release()
        return status

    @staticmethod
    def ask_on(
        association: Association,
        information: Dataset | None,
        *,
        action_type: int = 1,
        instance: str = WELL_KNOWN_INSTANCE,
    ) -> int:
        status, _ = association.send_n_action(information, action_type, PUSH_MODEL, instance)
        return int(status.Status)

    def report(self) -> Told:
        return self.reports.get(timeout=NET)


@contextmanager
def listening_modality(
    aet: str = "CT1", *, port: int = 0, roles: bool = True
) -> Iterator[Modality]:
    """One that takes reports on associations of their own, too; ``roles`` negotiates them."""
    modality = Modality(aet)
    ae = AE(aet)
    both = {"scu_role": True, "scp_role": True} if roles else {}
    ae.add_supported_context(PUSH_MODEL, SYNTAXES, **both)
    server = ae.start_server(
        ("127.0.0.1", port),
        block=False,
        evt_handlers=[(evt.EVT_N_EVENT_REPORT, modality.handle)],
    )
    modality.port = server.server_address[1]
    try:
        yield modality
    finally:
        server.shutdown()
        for thread in threading.enumerate():
            if thread.name.startswith("AcceptorThread"):
                thread.join(NET)


def reference(instance: Dataset) -> Reference:
    return Reference(str(instance.SOPClassUID), str(instance.SOPInstanceUID))
