"""Instances of every kind: they are stored, read by others, and pixel-exact where it is said."""

from __future__ import annotations

import subprocess
import zlib

import pydicom
import pytest
from pydicom.encaps import generate_frames
from pydicom.uid import (
    BasicTextSRStorage,
    CTImageStorage,
    EncapsulatedPDFStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    MRImageStorage,
    RLELossless,
    SegmentationStorage,
)

from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import DEFLATED, UNCOMPRESSED
from pacs_framework.testing.instances import Instances, make_instance
from pacs_framework.testing.pixels import COLOR, WORD, Fidelity
from pacs_framework.testing.sop_classes import has_pixels, modality_of

INSTANCES = Instances()
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
JPIP_HTJ2K_DEFLATE = "1.2.840.10008.1.2.4.205"  # newer than Debian's DCMTK
JPIP_DEFLATE = {"1.2.840.10008.1.2.4.95", JPIP_HTJ2K_DEFLATE}  # pydicom takes neither for deflated
COLOR_IMAGE = "1.2.840.10008.5.1.4.1.1.77.1.4"  # VL Photographic Image Storage


def test_every_storage_sop_class_is_taken_in(pacs_archive) -> None:
    """With a Modality, and as what it says it is."""
    archive = pacs_archive()
    for uid in INSTANCES.sop_classes:
        instance = INSTANCES(uid)
        [outcome] = archive.take_in(instance)
        assert outcome.status == Status.SUCCESS, uid
        facts = archive.archive.lookup.instance(str(instance.SOPInstanceUID))
        assert facts is not None
    assert archive.archive.lookup.count() == len(INSTANCES.sop_classes) > 150


def test_every_transfer_syntax_is_taken_in(pacs_archive) -> None:
    archive = pacs_archive()
    for syntax in INSTANCES.transfer_syntaxes:
        instance = INSTANCES(transfer_syntax=syntax)
        [outcome] = archive.take_in(instance)
        assert outcome.status == Status.SUCCESS, syntax
        opened = archive.archive.open(str(instance.SOPInstanceUID))
        with opened.dataset as dataset:
            assert dataset.read() == INSTANCES.encode(instance)
        assert opened.facts.transfer_syntax_uid == syntax
    assert archive.archive.lookup.count() == len(INSTANCES.transfer_syntaxes) > 50


@pytest.mark.interop
def test_dcmdump_reads_every_one(tmp_path, dcmdump) -> None:
    """An independent reader agrees that all of them are DICOM files."""
    for uid in INSTANCES.sop_classes:
        INSTANCES.write(INSTANCES(uid), tmp_path)
    for syntax in INSTANCES.transfer_syntaxes:
        if syntax != JPIP_HTJ2K_DEFLATE:
            INSTANCES.write(INSTANCES(transfer_syntax=syntax), tmp_path)
    files = sorted(tmp_path.glob("*.dcm"))
    done = subprocess.run([dcmdump, "-q", *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("(0008,0018)") >= len(files)


def test_pydicom_reads_what_was_written(tmp_path) -> None:
    """In every transfer syntax that it knows how to read."""
    for syntax in set(INSTANCES.transfer_syntaxes) - JPIP_DEFLATE:
        instance = INSTANCES(transfer_syntax=syntax)
        found = pydicom.dcmread(INSTANCES.write(instance, tmp_path))
        assert found.SOPInstanceUID == instance.SOPInstanceUID, syntax
        assert found.get("PixelData") == instance.get("PixelData"), syntax


@pytest.mark.parametrize("syntax", sorted(DEFLATED))
def test_deflated_data_sets_are_one_stream(syntax: str) -> None:
    """Which holds the data set in explicit VR, little endian (PS3.5 A.5)."""
    instance = INSTANCES(transfer_syntax=syntax)
    plain = zlib.decompressobj(-zlib.MAX_WBITS).decompress(INSTANCES.encode(instance))
    assert plain == encode_identifier(instance, ExplicitVRLittleEndian)


@pytest.mark.parametrize("syntax", sorted(UNCOMPRESSED))
def test_native_pixels_are_exact(syntax: str) -> None:
    """In the byte order of the transfer syntax."""
    pixels = INSTANCES(transfer_syntax=syntax).PixelData
    if syntax == ExplicitVRBigEndian:
        pixels = b"".join(pixels[i + 1 : i + 2] + pixels[i : i + 1] for i in range(0, 128, 2))
    assert pixels == WORD.frame(0)


@pytest.mark.parametrize(("sop_class", "form"), [(CTImageStorage, WORD), (COLOR_IMAGE, COLOR)])
def test_run_lengths_are_exact(sop_class: str, form) -> None:
    """PS3.5 Annex G: segments of the high bytes first, samples one after the other."""
    instance = INSTANCES(sop_class, RLELossless)
    [frame] = generate_frames(instance.PixelData, number_of_frames=1)
    count, *offsets = (int.from_bytes(frame[i : i + 4], "little") for i in range(0, 64, 4))
    ends = [*offsets[1:count], len(frame)]
    planes = [_runs(frame[start:end], 64) for start, end in zip(offsets[:count], ends, strict=True)]
    found = bytearray(64 * count)
    size = form.bits // 8
    for number, plane in enumerate(planes):
        sample, byte = divmod(number, size)
        found[sample * size + size - 1 - byte :: size * form.samples] = plane
    assert bytes(found) == form.frame(0)


def _runs(data: bytes, size: int) -> bytes:
    found = b""
    while len(found) < size:
        length = data[0] + 1
        assert length <= 128, "only literal runs are made"
        found, data = found + data[1 : 1 + length], data[1 + length :]
    return found


def test_deflated_frames_are_exact() -> None:
    instance = INSTANCES(transfer_syntax=DEFLATED_FRAMES)
    [frame] = generate_frames(instance.PixelData, number_of_frames=1)
    assert zlib.decompressobj(-zlib.MAX_WBITS).decompress(frame) == WORD.frame(0)


def test_each_transfer_syntax_says_how_real_its_pixels_are() -> None:
    kinds = {fidelity: set() for fidelity in Fidelity}
    for syntax in INSTANCES.transfer_syntaxes:
        kinds[INSTANCES.fidelity(syntax)].add(syntax)
    assert kinds[Fidelity.EXACT] == {
        *UNCOMPRESSED,
        RLELossless,
        DEFLATED_FRAMES,
        "1.2.840.10008.1.2.1.98",
    }
    assert len(kinds[Fidelity.REAL]) == 8
    for syntax in kinds[Fidelity.ABSENT]:
        instance = INSTANCES(transfer_syntax=syntax)
        assert "PixelData" not in instance
        assert instance.PixelDataProviderURL


@pytest.mark.parametrize("sop_class", [BasicTextSRStorage, EncapsulatedPDFStorage])
def test_what_has_no_pixels_cannot_be_compressed(sop_class: str) -> None:
    assert not has_pixels(sop_class)
    assert "PixelData" not in INSTANCES(sop_class)
    with pytest.raises(ValueError, match="have no pixel data that"):
        INSTANCES(sop_class, RLELossless)


def test_single_bits_are_not_compressed_and_unknown_syntaxes_refused() -> None:
    assert INSTANCES(SegmentationStorage).BitsAllocated == 1
    with pytest.raises(ValueError, match="pixels of 1 bits are not compressed"):
        INSTANCES(SegmentationStorage, RLELossless)
    with pytest.raises(ValueError, match=r"no transfer syntax of storage: '1\.2\.3'"):
        INSTANCES(transfer_syntax="1.2.3")


def test_attributes_replace_and_none_removes() -> None:
    instance = make_instance(SOPClassUID=MRImageStorage, PatientID="P9", StudyDate=None)
    assert (instance.Modality, instance.PatientID) == ("MR", "P9")
    assert "StudyDate" not in instance
    assert modality_of(MRImageStorage) == "MR"
    assert instance.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
