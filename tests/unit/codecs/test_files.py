"""Files converted whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ComprehensiveSRStorage, CTImageStorage

from pacs_framework.codecs import files as files_module
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.files import Conversion, FileConverter, Outcome
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.transcoding import Transcoding
from pacs_framework.dicom.uids import IMPLEMENTATION_CLASS_UID
from pacs_framework.errors import UnreadableInstance

sys.path.insert(0, str(Path(__file__).parent))

from encapsulating import EXPLICIT, IMPLICIT, RLE, Mirror, image, mirrored

NATIVE = bytes(range(24))


def converter(target: str = RLE, *, codec: Mirror | None = None, **options: bool) -> FileConverter:
    registry = CodecRegistry()
    registry.add([codec or Mirror(RLE)], plugin="test")
    return FileConverter(Transcoding(registry, encoder=registry), target, **options)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.dcm"
    path.write_bytes(file())
    return path


def file(*, syntax: str = EXPLICIT, pixel_data: bytes = NATIVE) -> bytes:
    dataset = image(2)
    dataset.SOPClassUID = CTImageStorage
    dataset.PixelData = pixel_data
    dataset["PixelData"].VR = "OW"
    return saved(dataset, syntax)


def report() -> bytes:
    """A data set without pixel data."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = ComprehensiveSRStorage, "1.2.3.4"
    return saved(dataset, EXPLICIT)


def saved(dataset: Dataset, syntax: str) -> bytes:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.file_meta.ImplementationClassUID = UID("1.2.3")
    dataset.file_meta.SourceApplicationEntityTitle = "SCANNER"
    written = io.BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    return written.getvalue()


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_written_in_the_transfer_syntax(source: Path, tmp_path: Path) -> None:
    """And its folder is made."""
    made = tmp_path / "some" / "folder" / "made.dcm"
    assert converter(verify=True).convert(source, made) == Conversion(
        outcome=Outcome.CONVERTED,
        source_size=source.stat().st_size,
        size=made.stat().st_size,
        sop_instance_uid="1.2.3.4",
    )
    compressed = pydicom.dcmread(made)
    assert compressed.file_meta.TransferSyntaxUID == RLE
    assert mirrored(NATIVE[:12]) in compressed.PixelData
    assert entries(made.parent) == {"made.dcm"}


def test_the_file_meta_information_says_who_wrote_it_and_where_it_is_from(
    source: Path, tmp_path: Path
) -> None:
    """PS3.10 Table 7.1-1."""
    made = tmp_path / "made.dcm"
    converter().convert(source, made)
    meta = pydicom.dcmread(made).file_meta
    assert meta.SourceApplicationEntityTitle == "SCANNER"
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert meta.MediaStorageSOPInstanceUID == "1.2.3.4"


def test_a_file_without_meta_information_gets_it(tmp_path: Path) -> None:
    source, made = tmp_path / "bare.dcm", tmp_path / "made.dcm"
    whole = file()
    source.write_bytes(whole[whole.index(b"\x08\0\x16\0UI") :])
    converter().convert(source, made)
    assert pydicom.dcmread(made).file_meta.MediaStorageSOPClassUID == CTImageStorage


def test_a_file_in_the_transfer_syntax_is_copied(source: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.dcm"
    assert converter(EXPLICIT).convert(source, made).outcome is Outcome.COPIED
    assert made.read_bytes() == source.read_bytes()


def test_a_file_without_pixel_data_is_kept(tmp_path: Path) -> None:
    """No compressed transfer syntax is for it (PS3.5 A.4); an uncompressed one is."""
    source = tmp_path / "report.dcm"
    source.write_bytes(report())
    kept, made = tmp_path / "kept.dcm", tmp_path / "made.dcm"
    assert converter().convert(source, kept).outcome is Outcome.KEPT
    assert kept.read_bytes() == source.read_bytes()
    assert converter(IMPLICIT, verify=True).convert(source, made).outcome is Outcome.CONVERTED


def test_a_file_that_is_there_stays(source: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.dcm"
    made.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        converter().convert(source, made)
    assert made.read_bytes() == b"precious"
    converter(overwrite=True).convert(source, made)
    assert pydicom.dcmread(made).file_meta.TransferSyntaxUID == RLE


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_comes_in_between_stays(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """Also where the file system has no hard links."""
    made = tmp_path / "out" / "made.dcm"
    link = os.link

    def late(one: Path, other: Path) -> None:
        made.write_bytes(b"precious")
        if not links:
            raise OSError(errno.EPERM, "no links here")
        link(one, other)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(FileExistsError):
        converter().convert(source, made)
    assert made.read_bytes() == b"precious"
    assert entries(made.parent) == {"made.dcm"}


def test_without_hard_links_it_is_renamed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(one: Path, other: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", none)
    converter().convert(source, tmp_path / "out" / "made.dcm")
    assert entries(tmp_path / "out") == {"made.dcm"}


@pytest.mark.parametrize("damage", ["cut", "encoder", "decoder"])
def test_where_it_fails_nothing_is_left(source: Path, tmp_path: Path, damage: str) -> None:
    class Failing(Mirror):
        def encode(self, frame: Frame) -> Frame:
            if damage == "encoder":
                raise UnreadableInstance("not this one")
            return super().encode(frame)

        def decode(self, frame, pixels):
            raise UnreadableInstance("not this one")

    if damage == "cut":
        source.write_bytes(source.read_bytes()[:-5])
    with pytest.raises(UnreadableInstance):
        converter(codec=Failing(RLE), verify=True).convert(source, tmp_path / "out" / "made.dcm")
    assert entries(tmp_path / "out") == set()


def test_verification_notices_a_codec_that_changes_a_sample(source: Path, tmp_path: Path) -> None:
    class Lossy(Mirror):
        def encode(self, frame: Frame) -> Frame:
            return super().encode(Frame(bytes(frame.data)[:-1] + b"\xee", frame.pixels))

    converter(codec=Lossy(RLE)).convert(source, tmp_path / "unverified.dcm")
    with pytest.raises(UnreadableInstance, match="frame 1 of the new file is another one"):
        converter(codec=Lossy(RLE), verify=True).convert(source, tmp_path / "verified.dcm")
    assert not (tmp_path / "verified.dcm").exists()


def test_verification_notices_other_native_pixels(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = converter(IMPLICIT, verify=True)
    monkeypatch.setattr(
        made._transcoding,
        "convert",
        lambda *_: iter([file(syntax=IMPLICIT, pixel_data=bytes(24))[132:]]),
    )
    monkeypatch.setattr(files_module, "renewed_prefix", lambda *_: b"")
    with pytest.raises(UnreadableInstance, match="pixel data of the new file"):
        made.convert(source, tmp_path / "made.dcm")


def test_a_new_file_may_be_read_as_any_other(source: Path, tmp_path: Path) -> None:
    plain, made = tmp_path / "plain", tmp_path / "made.dcm"
    plain.touch()
    converter().convert(source, made)
    assert stat.S_IMODE(made.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_target_that_is_none_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="may lose information"):
        converter("1.2.840.10008.1.2.4.91")
