"""What plugins say in ``on_retrieve`` is what goes over the wire (one archive, several views)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from nodes import keys
from pydicom import Dataset, dcmread
from pydicom.filereader import read_dataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from pacs_framework import hookimpl
from pacs_framework.archive.incoming import Coercion, Compression, Refusal
from pacs_framework.archive.outgoing import OutgoingInstance
from pacs_framework.dicom.matching import values_of
from pacs_framework.dicom.status import Status
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import encoded_instance, make_instance
from pacs_framework.testing.receiver import Receiver, listening
from pacs_framework.testing.running import RunningArchive
from pacs_query_retrieve import plugin as query_retrieve

CT = str(CTImageStorage)
STUDY, SERIES = "1.2.840.1.1", "1.2.840.1.1.1"
FAILED_UIDS = 0x00080058
ALL = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
]
DESTINATIONS = ("ONE", "TWO", "CLINIC", "NOBODY")

Judge = Callable[[OutgoingInstance], object]


def view(instance: OutgoingInstance) -> object:
    """``ONE`` and ``TWO`` see a patient of their own, ``NOBODY`` none, others the original."""
    aet = instance.recipient.aet
    if aet == "NOBODY":
        return Refusal(reason="not for them")
    if aet not in {"ONE", "TWO"}:
        return None
    dataset = instance.dataset()
    dataset.PatientName = f"View^{aet}"
    dataset.SOPInstanceUID += ".1" if aet == "ONE" else ".2"
    return Coercion(dataset=dataset, reason="a view")


class Site:
    """The archive with one rule, and what its peers were given."""

    def __init__(self, running: RunningArchive, receivers: dict[str, Receiver]) -> None:
        self.running = running
        self.receivers = receivers
        self.commands: list[Any] = []

    def store(self, number: int = 1, syntax: str = ExplicitVRLittleEndian, **more: Any) -> Dataset:
        instance = make_instance(
            StudyInstanceUID=STUDY,
            SeriesInstanceUID=SERIES,
            SOPInstanceUID=f"{SERIES}.{number}",
            InstanceNumber=number,
            transfer_syntax=str(syntax),
            **more,
        )
        self.running.take_in(instance)
        return instance

    def got(self, aet: str) -> dict[str, bytes]:
        """By the SOP Instance UID of the C-STORE command: the data set."""
        return {uid: data for uid, (_, data) in self.receivers[aet].instances.items()}

    def move(self, aet: str) -> tuple[Any, list[str]]:
        """C-MOVE by pynetdicom: the final status, and the UIDs that failed."""
        model = StudyRootQueryRetrieveInformationModelMove
        ae = AE("REQUESTOR")
        ae.add_requested_context(model)
        association = ae.associate(self.running.host, self.running.port, ae_title=self.running.aet)
        wanted = keys(QueryRetrieveLevel="STUDY", StudyInstanceUID=STUDY)
        responses = list(association.send_c_move(wanted, aet, model))
        association.release()
        return _final(responses)

    def get(
        self, aet: str, *, syntax: str = ExplicitVRLittleEndian
    ) -> tuple[Any, list[str], dict[str, bytes]]:
        """C-GET by pynetdicom as ``aet``, and what came."""
        model, received = StudyRootQueryRetrieveInformationModelGet, {}

        def take(event: Any) -> int:
            self.commands.append(event.request)
            received[str(event.request.AffectedSOPInstanceUID)] = event.request.DataSet.getvalue()
            return 0x0000

        ae = AE(aet)
        ae.add_requested_context(model)
        ae.add_requested_context(CT, str(syntax))
        association = ae.associate(
            self.running.host,
            self.running.port,
            ae_title=self.running.aet,
            ext_neg=[build_role(CT, scp_role=True)],
            evt_handlers=[(evt.EVT_C_STORE, take)],
        )
        wanted = keys(QueryRetrieveLevel="STUDY", StudyInstanceUID=STUDY)
        responses = list(association.send_c_get(wanted, model))
        association.release()
        return (*_final(responses), received)


def _final(responses: list[Any]) -> tuple[Any, list[str]]:
    status, identifier = responses[-1]
    return status, list(values_of(identifier.get(FAILED_UIDS))) if identifier else []


@pytest.fixture
def site(pacs_archive: Archives) -> Iterator[Callable[[Judge], Site]]:
    """Runs the archive with a judge."""
    receivers = {aet: Receiver() for aet in DESTINATIONS}
    started = [listening(aet, receiver) for aet, receiver in receivers.items()]
    listeners = [each.__enter__() for each in started]
    peers = {
        aet.lower(): {"aet": aet, "host": "127.0.0.1", "port": listener.address[1]}
        for aet, listener in zip(DESTINATIONS, listeners, strict=True)
    }

    def run(judge: Judge) -> Site:
        def on_retrieve(instance: OutgoingInstance) -> object:
            return judge(instance)

        views = SimpleNamespace(on_retrieve=hookimpl(on_retrieve))
        settings = {"peers": peers, "plugins": {"limits": {"views": {"failures": 0}}}}
        running = pacs_archive({"views": views, "qr": query_retrieve}, settings=settings)
        return Site(running, receivers)

    yield run
    for each in started:
        each.__exit__(None, None, None)


def read(data: bytes, syntax: str = ExplicitVRLittleEndian) -> Dataset:
    implicit = syntax == ImplicitVRLittleEndian
    return read_dataset(BytesIO(data), is_implicit_VR=implicit, is_little_endian=True)


def test_two_destinations_get_two_views_and_a_third_one_the_original(site) -> None:
    running = site(view)
    stored = running.store()
    for aet, suffix in (("ONE", ".1"), ("TWO", ".2")):
        status, failed = running.move(aet)
        assert (status.Status, failed) == (Status.SUCCESS, [])
        [(uid, data)] = running.got(aet).items()
        seen = read(data)
        assert uid == seen.SOPInstanceUID == stored.SOPInstanceUID + suffix
        assert seen.PatientName == f"View^{aet}"
        assert seen.PixelData == stored.PixelData
    assert running.move("CLINIC")[0].Status == Status.SUCCESS
    assert running.got("CLINIC") == {stored.SOPInstanceUID: encoded_instance(stored)}


def test_a_requestor_gets_the_view_that_is_for_it(site) -> None:
    """The C-STORE request has the UIDs of the view too."""
    running = site(view)
    stored = running.store()
    status, _, received = running.get("ONE")
    assert status.Status == Status.SUCCESS
    [(uid, data)] = received.items()
    assert uid == read(data).SOPInstanceUID == stored.SOPInstanceUID + ".1"
    assert running.commands[0].AffectedSOPClassUID == CT
    assert running.get("CLINIC")[2] == {stored.SOPInstanceUID: encoded_instance(stored)}


def test_hooks_learn_who_gets_what_and_who_asked(site) -> None:
    asked: list[OutgoingInstance] = []
    running = site(asked.append)
    stored = running.store(syntax=ImplicitVRLittleEndian)
    running.move("CLINIC")
    running.get("STATION", syntax=ImplicitVRLittleEndian)
    moved, got = asked
    recipient = moved.recipient
    assert (recipient.door, recipient.aet, recipient.calling_aet) == ("move", "CLINIC", "REQUESTOR")
    recipient = got.recipient
    assert (recipient.door, recipient.aet, recipient.calling_aet) == ("get", "STATION", "STATION")
    assert recipient.called_aet == running.running.aet
    assert recipient.address == "127.0.0.1"
    assert got.sop_instance_uid == stored.SOPInstanceUID
    assert got.transfer_syntax_uid == ImplicitVRLittleEndian


@pytest.mark.parametrize("syntax", ALL)
def test_what_was_looked_at_and_let_pass_is_the_original(site, syntax) -> None:
    seen: list[tuple[str, Any]] = []
    running = site(lambda one: seen.append((one.attributes["PatientID"], one.dataset().Rows)))
    stored = running.store(syntax=syntax, PatientID="P7")
    _, _, received = running.get("CLINIC", syntax=syntax)
    assert seen == [("P7", stored.Rows)]
    [data] = received.values()
    if syntax != DeflatedExplicitVRLittleEndian:  # deflated anew
        assert data == encoded_instance(stored)
    file = BytesIO()
    stored.save_as(file, enforce_file_format=True)
    assert whole(stored, data) == dcmread(BytesIO(file.getvalue()))


def whole(stored: Dataset, data: bytes) -> Dataset:
    """A data set as it came, read as a file of the transfer syntax of ``stored``."""
    file = BytesIO()
    meta_only = Dataset()
    meta_only.file_meta = stored.file_meta
    meta_only.save_as(file, enforce_file_format=True)
    if stored.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian:
        file = BytesIO(file.getvalue()[: -len(b"\x03\x00")])
        file.seek(0, 2)
    file.write(data)
    return dcmread(BytesIO(file.getvalue()))


@pytest.mark.parametrize("syntax", ALL)
def test_a_view_comes_in_every_transfer_syntax(site, syntax) -> None:
    running = site(view)
    stored = running.store(syntax=syntax)
    status, _, received = running.get("ONE", syntax=syntax)
    assert status.Status == Status.SUCCESS
    [data] = received.values()
    seen = whole(stored, data)
    assert seen.PatientName == "View^ONE"
    assert seen.PixelData == stored.PixelData


def test_a_view_is_converted_to_what_the_receiver_takes(site) -> None:
    running = site(view)
    stored = running.store(syntax=ExplicitVRLittleEndian)
    _, _, received = running.get("TWO", syntax=ImplicitVRLittleEndian)
    [(uid, data)] = received.items()
    seen = read(data, ImplicitVRLittleEndian)
    assert (uid, seen.PatientName) == (seen.SOPInstanceUID, "View^TWO")
    assert seen.PixelData == stored.PixelData


def test_what_is_refused_fails_by_the_uid_that_the_requestor_knows(site) -> None:
    """All of it: A702H. Some of it: B000H, and the others arrive."""
    running = site(view)
    first, second = running.store(1), running.store(2)
    status, failed = running.move("NOBODY")
    assert status.Status == Status.UNABLE_TO_PERFORM_SUBOPERATIONS
    assert failed == [first.SOPInstanceUID, second.SOPInstanceUID]
    assert running.got("NOBODY") == {}

    def one_only(instance: OutgoingInstance) -> object:
        if instance.sop_instance_uid == first.SOPInstanceUID:
            return Refusal(reason="this one stays")
        return view(instance)

    other = site(one_only)
    other.store(1)
    other.store(2)
    status, failed, received = other.get("ONE")
    assert status.Status == Status.SUBOPERATIONS_WITH_FAILURES
    assert (status.NumberOfFailedSuboperations, status.NumberOfCompletedSuboperations) == (1, 1)
    assert failed == [first.SOPInstanceUID]
    assert list(received) == [second.SOPInstanceUID + ".1"]


def raises(_: OutgoingInstance) -> object:
    raise ValueError("oh")


def without_uid(instance: OutgoingInstance) -> object:
    dataset = instance.dataset()
    del dataset.StudyInstanceUID
    return Coercion(dataset=dataset)


def with_pixels(instance: OutgoingInstance) -> object:
    dataset = instance.dataset()
    dataset.PixelData = b"\0\0"
    return Coercion(dataset=dataset)


@pytest.mark.parametrize(
    "judge",
    [
        raises,
        without_uid,
        with_pixels,
        lambda _: 3,
        lambda _: Compression(to=str(RLELossless)),
        lambda _: Coercion(dataset=Dataset()),
    ],
    ids=["raises", "without UID", "with pixels", "nonsense", "compression", "empty"],
)
def test_a_judge_that_fails_sends_nothing(site, judge) -> None:
    running = site(judge)
    stored = running.store()
    status, failed, received = running.get("ONE")
    assert status.Status == Status.UNABLE_TO_PERFORM_SUBOPERATIONS
    assert failed == [stored.SOPInstanceUID]
    assert received == {}


def test_views_chain(pacs_archive: Archives) -> None:
    """The next plugin sees what those before it changed."""

    def adds(word: str) -> object:
        def on_retrieve(instance: OutgoingInstance) -> Coercion:
            dataset = instance.dataset()
            assert instance.attributes["StudyDescription"] == dataset.StudyDescription
            dataset.StudyDescription += word
            return Coercion(dataset=dataset)

        return SimpleNamespace(on_retrieve=hookimpl(on_retrieve))

    plugins = {"a": adds(" first"), "b": adds(" second"), "qr": query_retrieve}
    running = Site(pacs_archive(plugins), {})
    running.store(StudyDescription="CT")
    [data] = running.get("ANY")[2].values()
    assert read(data).StudyDescription == "CT first second"
