"""A day of a modality: ordered, planned, begun, stored, completed, committed, told.

RIS and HIS speak MLLP by hand, the modality is DCMTK for worklist and images and pynetdicom for
performed steps and storage commitment. Each act can be repeated, as a sender does that got no
answer.
"""

from __future__ import annotations

import queue
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Self

import pydicom
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import ModalityPerformedProcedureStep, StorageCommitmentPushModel

from .conftest import BUNDLED

__all__ = ["IMAGES", "Address", "Answer", "Day", "His", "Reports"]

Dcmtk = Callable[..., subprocess.CompletedProcess[str]]

IMAGES = 3
_SECONDS = 30
_START, _END = b"\x0b", b"\x1c\r"
_COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
MPPS, COMMITMENT = ModalityPerformedProcedureStep, StorageCommitmentPushModel
_STEP = "ScheduledProcedureStepSequence[0]"


@dataclass(frozen=True)
class Address:
    """Where an archive, or something before it, takes associations and HL7."""

    port: int
    hl7: int
    host: str = "127.0.0.1"
    aet: str = "PACS"


def _block(connection: socket.socket) -> bytes:
    """One message in MLLP's frame, without it."""
    block = b""
    while not block.endswith(_END):
        came = connection.recv(1 << 16)
        if not came:
            raise ConnectionResetError("the connection ended before the message did")
        block += came
    return block[1:-2]


def nothing() -> None:
    """What interrupts nobody."""


class His:
    """Takes HL7 over MLLP, and acknowledges all of it.

    ``interrupt`` is called once, when a message has come and is not acknowledged yet.
    """

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.messages: queue.Queue[dict[str, list[str]]] = queue.Queue()
        self.interrupt: Callable[[], None] = nothing
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def next(self) -> dict[str, list[str]]:
        """The segments of the next message, by their name."""
        return self.messages.get(timeout=_SECONDS)

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                try:
                    self._answer(connection)
                except ConnectionError:
                    continue  # the archive was killed: it sends the message again

    def _answer(self, connection: socket.socket) -> None:
        lines = _block(connection).decode().split("\r")
        message = {line[:3]: line.split("|") for line in lines if line}
        answer = f"MSH|^~\\&|HIS||PACS||20261121||ACK|X1|P|2.5.1\rMSA|AA|{message['MSH'][9]}\r"
        self._interrupt()
        self.messages.put(message)
        connection.sendall(_START + answer.encode() + _END)

    def _interrupt(self) -> None:
        interrupt, self.interrupt = self.interrupt, nothing
        interrupt()


@dataclass
class Reports:
    """What CT1 is told of its requests for commitment, here and on associations of its own.

    ``interrupt`` is called once, when a report has come and is not answered yet.
    """

    interrupt: Callable[[], None] = nothing
    received: queue.Queue[tuple[str, int, frozenset[str]]] = field(default_factory=queue.Queue)
    port: int = 0

    def __enter__(self) -> Self:
        ae = AE("CT1")
        roles = {"scu_role": True, "scp_role": True}
        ae.add_supported_context(COMMITMENT, ExplicitVRLittleEndian, **roles)
        handlers = [(evt.EVT_N_EVENT_REPORT, self.take)]
        self._server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self._server.server_address[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        for thread in threading.enumerate():
            if thread.name.startswith("AcceptorThread"):
                thread.join(_SECONDS)

    def take(self, event: evt.Event) -> tuple[int, None]:
        """Transaction UID, Event Type ID (1: all is committed), and which instances are."""
        told = event.event_information
        committed = [each.ReferencedSOPInstanceUID for each in told.ReferencedSOPSequence]
        uids = frozenset(map(str, committed))
        interrupt, self.interrupt = self.interrupt, nothing
        interrupt()
        self.received.put((str(told.TransactionUID), int(event.request.EventTypeID), uids))
        return 0x0000, None

    def next(self) -> tuple[str, int, frozenset[str]]:
        """The next report."""
        return self.received.get(timeout=_SECONDS)


class Answer(Enum):
    """What an archive says of an act."""

    DONE = 1
    KNOWN = 2
    """It was done before, and is not done again."""


_ANSWERS = {
    0x0000: Answer.DONE,
    0x0111: Answer.KNOWN,  # N-CREATE: Duplicate SOP Instance
    0x0110: Answer.KNOWN,  # N-SET: the step may no longer be updated
}


class Day:
    """What is done with one order, by act.

    Those of `acts` return what was answered: an `Answer`, or None because the archive is gone. Any
    other answer than one that is due fails.
    """

    def __init__(self, dcmtk: Dcmtk, reports: Reports, folder: Path) -> None:
        self._dcmtk = dcmtk
        self._reports = reports
        self._folder = folder
        self._mpps = str(generate_uid())
        self._planned: Dataset | None = None
        self.transaction = str(generate_uid())
        self.acts = (self.order, self.begin, self.store, self.end, self.commit, self.merge)

    # --- RIS and ADT --------------------------------------------------------------------------

    def order(self, to: Address) -> Answer | None:
        """ORM^O01; a repetition is acknowledged like the first one."""
        return _told(
            to,
            "MSH|^~\\&|RIS|HOSP|PACS|HOSP|20261121093000||ORM^O01|M1|P|2.3.1",
            "PID|||P1^^^HOSP^MR||Mueller^Anne||19700131|F",
            "ORC|NW|PL1^RIS|FI1^RIS||SC||^^^20261121103000^^R",
            "OBR|1|PL1^RIS|FI1^RIS|CTTHX^CT thorax^LOCAL||||||||||||||A1|RP1|SPS1||||CT|||"
            "^^^20261121103000",
        )

    def merge(self, to: Address) -> Answer | None:
        """ADT^A40: P1 is P2, who is called Müller^Änne."""
        return _told(
            to,
            "MSH|^~\\&|ADT|HOSP|PACS|HOSP|20261121120000||ADT^A40^ADT_A39|G1|P|2.5.1"
            "||||||UNICODE UTF-8",
            "EVN||20261121120000",
            "PID|||P2^^^HOSP^MR||Müller^Änne||19700131|F",
            "MRG|P1^^^HOSP^MR",
        )

    # --- the modality ---------------------------------------------------------------------------

    def worklist(self, at: Address) -> list[Dataset]:
        """What findscu -W gets of the station's steps."""
        folder = self._folder / f"worklist-{generate_uid()}"
        folder.mkdir()
        keys = [f"{_STEP}.{key}" for key in ("ScheduledStationAETitle=CT1", "Modality")]
        keys += [f"{_STEP}.ScheduledProcedureStepID", "StudyInstanceUID", "RequestedProcedureID"]
        keys += ["AccessionNumber", "PatientID", "IssuerOfPatientID", "PatientName"]
        wanted = [text for key in keys for text in ("-k", key)]
        done = self._dcmtk(
            *("findscu", "-W", "-X", "-od", folder, "-aet", "CT1", "-aec", at.aet),
            *(*wanted, at.host, at.port),
        )
        assert done.returncode == 0, done.stderr
        return [pydicom.dcmread(file, force=True) for file in sorted(folder.iterdir())]

    def plan(self, at: Address) -> Dataset:
        """The one step that there is to do; by it all that follows is done."""
        (self._planned,) = self.worklist(at)
        return self._planned

    @property
    def planned(self) -> Dataset:
        """The step as the worklist had it."""
        assert self._planned is not None
        return self._planned

    def begin(self, at: Address) -> Answer | None:
        """N-CREATE of the step, IN PROGRESS."""
        return self._asked(
            at,
            MPPS,
            lambda association: association.send_n_create(self._begun(), MPPS, self._mpps),
        )

    def store(self, at: Address) -> Answer | None:
        """The images of the step, by storescu."""
        done = self._dcmtk(
            *("storescu", "-aet", "CT1", "-aec", at.aet, at.host, at.port, *self.images()),
        )
        return Answer.DONE if done.returncode == 0 else None

    def end(self, at: Address) -> Answer | None:
        """N-SET, COMPLETED with all images."""
        return self._asked(
            at, MPPS, lambda association: association.send_n_set(self._ended(), MPPS, self._mpps)
        )

    def commit(self, at: Address) -> Answer | None:
        """N-ACTION; the report comes when it comes."""
        request = Dataset()
        request.TransactionUID = self.transaction
        request.ReferencedSOPSequence = [_reference(each) for each in self._headers()]
        return self._asked(
            at,
            COMMITMENT,
            lambda association: association.send_n_action(
                request, 1, COMMITMENT, _COMMITMENT_INSTANCE
            ),
        )

    def uids(self) -> frozenset[str]:
        """SOP Instance UIDs of the images."""
        return frozenset(str(each.SOPInstanceUID) for each in self._headers())

    def images(self) -> Sequence[Path]:
        """Files of the images, made when the step is known."""
        folder = self._folder / "images"
        if not folder.exists():
            folder.mkdir()
            self._make_images(folder)
        return sorted(folder.iterdir())

    # --- how ------------------------------------------------------------------------------------

    def _make_images(self, folder: Path) -> None:
        image = pydicom.dcmread(BUNDLED / "CT_small.dcm")
        for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "AccessionNumber"):
            setattr(image, keyword, self.planned[keyword].value)
        image.SeriesInstanceUID = generate_uid()
        for number in range(IMAGES):
            uid = generate_uid()
            image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = uid
            image.save_as(folder / f"{number}.dcm")

    def _headers(self) -> list[Dataset]:
        return [pydicom.dcmread(file, stop_before_pixels=True) for file in self.images()]

    def _begun(self) -> Dataset:
        scheduled, step = Dataset(), Dataset()
        for keyword in ("StudyInstanceUID", "AccessionNumber", "RequestedProcedureID"):
            setattr(scheduled, keyword, self.planned[keyword].value)
        (planned,) = self.planned.ScheduledProcedureStepSequence
        scheduled.ScheduledProcedureStepID = planned.ScheduledProcedureStepID
        step.ScheduledStepAttributesSequence = [scheduled]
        step.PatientID, step.PatientName = self.planned.PatientID, self.planned.PatientName
        step.IssuerOfPatientID = self.planned.IssuerOfPatientID
        step.PerformedProcedureStepID, step.PerformedStationAETitle = "X1", "CT1"
        step.Modality = planned.Modality
        step.PerformedProcedureStepStartDate = "20261121"
        step.PerformedProcedureStepStartTime = "103000"
        step.PerformedProcedureStepStatus = "IN PROGRESS"
        return step

    def _ended(self) -> Dataset:
        series, step = Dataset(), Dataset()
        series.ProtocolName = "THORAX"
        series.SeriesInstanceUID = self._headers()[0].SeriesInstanceUID
        series.ReferencedImageSequence = [_reference(each) for each in self._headers()]
        step.PerformedProcedureStepStatus = "COMPLETED"
        step.PerformedProcedureStepEndDate = "20261121"
        step.PerformedProcedureStepEndTime = "104000"
        step.PerformedSeriesSequence = [series]
        return step

    def _asked(
        self, at: Address, sop_class: str, ask: Callable[[Association], tuple[Dataset, object]]
    ) -> Answer | None:
        ae = AE("CT1")
        ae.add_requested_context(sop_class, ExplicitVRLittleEndian)
        handlers = [(evt.EVT_N_EVENT_REPORT, self._reports.take)]
        association = ae.associate(at.host, at.port, ae_title=at.aet, evt_handlers=handlers)
        if not association.is_established:
            return None
        try:
            status, _ = ask(association)
        finally:
            association.release()
        return _ANSWERS[status.Status] if "Status" in status else None


def _told(to: Address, *segments: str) -> Answer | None:
    """What is answered to an HL7 message, which is to be AA."""
    message = "".join(f"{segment}\r" for segment in segments).encode()
    try:
        with socket.create_connection((to.host, to.hl7), _SECONDS) as connection:
            connection.sendall(_START + message + _END)
            lines = _block(connection).decode().split("\r")
    except ConnectionError:
        return None
    (acknowledgement,) = (line for line in lines if line.startswith("MSA|"))
    assert acknowledgement.split("|")[1] == "AA", lines
    return Answer.DONE


def _reference(instance: Dataset) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = instance.SOPClassUID
    reference.ReferencedSOPInstanceUID = instance.SOPInstanceUID
    return reference
