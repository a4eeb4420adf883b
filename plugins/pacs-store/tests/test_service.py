"""Storage as SCP: what a peer is answered for each kind of instance, good and bad."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    MRImageStorage,
    RLELossless,
    generate_uid,
)
from pynetdicom import AE
from pynetdicom.presentation import AllStoragePresentationContexts
from pynetdicom.sop_class import Verification

from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.network.association import Response
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.requestor import connect
from pacs_framework.network.scu import c_store
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedArchive]:
    with served(tmp_path_factory.mktemp("archive")) as running:
        yield running


def send(archive: ServedArchive, instance: Dataset) -> Dataset:
    """C-STORE by pynetdicom; the command set of the response."""
    ae = AE(ae_title="CT1")
    ae.add_requested_context(instance.SOPClassUID, instance.file_meta.TransferSyntaxUID)
    association = ae.associate(archive.host, archive.port, ae_title=archive.aet)
    assert association.is_established
    response = association.send_c_store(instance)
    association.release()
    return response


def send_bytes(archive: ServedArchive, data: bytes, sop_class: str, uid: str) -> Response:
    """C-STORE of a data set that pynetdicom would not make: its bytes go out as they are."""
    proposed = ProposedContext(
        context_id=1, abstract_syntax=CTImageStorage, transfer_syntaxes=(ExplicitVRLittleEndian,)
    )
    with connect(
        archive.host, archive.port, calling_aet="CT1", called_aet="PACS", contexts=[proposed]
    ) as association:
        return c_store(
            association,
            context=association.contexts[1],
            sop_class_uid=sop_class,
            sop_instance_uid=uid,
            data=data,
        )


def kept(archive: ServedArchive, uid: str) -> list[Path]:
    return [file for file in archive.objects() if file.name.startswith(f"{uid}-")]


def test_every_storage_sop_class_is_accepted(archive: ServedArchive) -> None:
    """In batches, because an association holds 128 presentation contexts."""
    classes = [context.abstract_syntax for context in AllStoragePresentationContexts]
    for start in range(0, len(classes), 128):
        ae = AE()
        for sop_class in classes[start : start + 128]:
            ae.add_requested_context(sop_class, ImplicitVRLittleEndian)
        association = ae.associate(archive.host, archive.port)
        assert association.rejected_contexts == []
        association.release()


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_a_data_set_is_kept_bit_for_bit(archive: ServedArchive, syntax: pydicom.uid.UID) -> None:
    instance = make_instance()
    instance.add_new(0x00091001, "UN", b"\x01\x02private\x00")
    instance.file_meta.TransferSyntaxUID = syntax
    encoded = encode_identifier(instance, syntax)
    assert send(archive, instance).Status == Status.SUCCESS
    [file] = kept(archive, instance.SOPInstanceUID)
    assert file.read_bytes().endswith(encoded)
    assert pydicom.dcmread(file).file_meta.TransferSyntaxUID == syntax


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_compressed_pixels_are_not_looked_at(
    archive: ServedArchive, syntax: pydicom.uid.UID
) -> None:
    """Whatever is in the fragments: an archive keeps it."""
    instance = make_instance()
    instance.file_meta.TransferSyntaxUID = syntax
    instance.PixelData = pydicom.encaps.encapsulate([b"no image at all!"])
    instance["PixelData"].VR = "OB"
    instance["PixelData"].is_undefined_length = True
    assert send(archive, instance).Status == Status.SUCCESS
    [file] = kept(archive, instance.SOPInstanceUID)
    assert pydicom.dcmread(file).PixelData == instance.PixelData


def test_a_data_set_that_cannot_be_parsed_is_c000(archive: ServedArchive) -> None:
    uid = generate_uid()
    answer = send_bytes(archive, b"\x08\x00\x05\x00??\xff\xff" * 40, CTImageStorage, uid)
    assert answer.status == Status.CANNOT_UNDERSTAND
    assert kept(archive, uid) == []


def test_a_truncated_data_set_is_c000(archive: ServedArchive) -> None:
    instance = make_instance()
    data = encode_identifier(instance, ExplicitVRLittleEndian)[:-40]
    answer = send_bytes(archive, data, CTImageStorage, instance.SOPInstanceUID)
    assert answer.status == Status.CANNOT_UNDERSTAND
    assert kept(archive, instance.SOPInstanceUID) == []


def test_another_instance_than_announced_is_a900(archive: ServedArchive) -> None:
    instance, other = make_instance(), generate_uid()
    data = encode_identifier(instance, ExplicitVRLittleEndian)
    answer = send_bytes(archive, data, CTImageStorage, other)
    assert answer.status == Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS
    assert kept(archive, other) == kept(archive, instance.SOPInstanceUID) == []


@pytest.mark.parametrize(
    ("sop_class", "status"),
    [
        (MRImageStorage, Status.SUCCESS),
        ("1.2.826.0.1.3680043.10.999.1", Status.SOP_CLASS_NOT_SUPPORTED),
        (Verification, Status.SOP_CLASS_NOT_SUPPORTED),
    ],
)
def test_what_would_not_be_negotiated_does_not_come_in_by_the_context_of_another_class(
    archive: ServedArchive, sop_class: str, status: Status
) -> None:
    instance = make_instance(SOPClassUID=sop_class)
    data = encode_identifier(instance, ExplicitVRLittleEndian)
    answer = send_bytes(archive, data, sop_class, instance.SOPInstanceUID)
    assert answer.status == status
    assert len(kept(archive, instance.SOPInstanceUID)) == (status == Status.SUCCESS)


@pytest.mark.parametrize("missing", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
def test_a_missing_uid_is_a900(archive: ServedArchive, missing: str) -> None:
    uid = generate_uid()
    instance = make_instance(SOPInstanceUID=uid)
    delattr(instance, missing)
    data = encode_identifier(instance, ExplicitVRLittleEndian)
    answer = send_bytes(archive, data, CTImageStorage, uid)
    assert answer.status == Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS
    assert kept(archive, uid) == []


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("uid", ["../../../tmp/evil", "1.2/3", "..", "1.2.3\\4.5", "a" * 64])
def test_a_uid_that_is_none_is_a900_and_touches_no_file(archive: ServedArchive, uid: str) -> None:
    before = archive.objects()
    instance = make_instance(StudyInstanceUID=uid)
    data = encode_identifier(instance, ExplicitVRLittleEndian)
    answer = send_bytes(archive, data, CTImageStorage, instance.SOPInstanceUID)
    assert answer.status == Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS
    assert archive.objects() == before


def test_sequences_nested_thousands_deep_are_survived(archive: ServedArchive) -> None:
    """Explicit VR, undefined lengths; today's C++ peers die of it."""
    depth = 20_000
    sq = b"\x40\x00\x30\xa7SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    end = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    instance = make_instance()
    data = encode_identifier(instance, ExplicitVRLittleEndian)
    hostile = data + b"\xfa\xff\xfa\xff" + sq[4:] + sq * depth + end * (depth + 1)
    answer = send_bytes(archive, hostile, CTImageStorage, instance.SOPInstanceUID)
    assert answer.status in (Status.SUCCESS, Status.CANNOT_UNDERSTAND)
    assert send(archive, make_instance()).Status == Status.SUCCESS


def test_the_same_instance_again_is_a_success_and_kept_once(archive: ServedArchive) -> None:
    instance = make_instance()
    assert send(archive, instance).Status == Status.SUCCESS
    assert send(archive, instance).Status == Status.SUCCESS
    assert len(kept(archive, instance.SOPInstanceUID)) == 1


@pytest.mark.parametrize(
    ("policy", "status", "name"),
    [
        ("ignore", Status.COERCION_OF_DATA_ELEMENTS, "First"),
        ("replace", Status.SUCCESS, "Second"),
        ("reject", Status.DUPLICATE_SOP_INSTANCE, "First"),
    ],
)
def test_other_content_under_a_known_uid(
    tmp_path: Path, policy: str, status: int, name: str
) -> None:
    """What is not kept is never answered with plain success."""
    config = f'duplicates = "{policy}"\n'
    with served(tmp_path, config=config) as archive:
        first = make_instance(StudyDescription="First")
        assert send(archive, first).Status == Status.SUCCESS
        first.StudyDescription = "Second"
        assert send(archive, first).Status == status
        [file] = kept(archive, first.SOPInstanceUID)
        assert pydicom.dcmread(file).StudyDescription == name
        done = archive.command("verify", "--json")
        assert json.loads(done.stdout) == {"instances": 1, "findings": []}


def test_modalities_that_are_not_accepted_are_refused_with_0124(tmp_path: Path) -> None:
    with served(tmp_path, config='[plugin.store]\naccept = ["CT"]\n') as archive:
        assert send(archive, make_instance()).Status == Status.SUCCESS
        refused = send(archive, make_instance(Modality="MR", SOPClassUID=MRImageStorage))
        assert refused.Status == Status.NOT_AUTHORIZED
        assert refused.ErrorComment == "modality 'MR' is not accepted here (accepted: CT)"
        assert len(archive.objects()) == 1


@pytest.mark.parametrize("allowed", [False, True])
def test_unknown_sop_classes_are_taken_where_the_site_allows_them(
    tmp_path: Path, *, allowed: bool
) -> None:
    config = f"[plugin.store]\nunknown_sop_classes = {str(allowed).lower()}\n"
    with served(tmp_path, config=config) as archive:
        private = "1.2.826.0.1.3680043.10.999.1"
        ae = AE()
        ae.add_requested_context(private, ExplicitVRLittleEndian)
        association = ae.associate(archive.host, archive.port)
        assert bool(association.accepted_contexts) == allowed
        if allowed:
            instance = make_instance(SOPClassUID=private)
            assert association.send_c_store(instance).Status == Status.SUCCESS
            association.release()
