"""The rules on the wire: what a peer is answered, what is stored, what is given back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
from pydicom.pixels import pixel_array
from pydicom.uid import (
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEGBaseline8Bit,
    RLELossless,
)
from pynetdicom import AE

from pacs_framework.testing.process import ServedArchive, served

BUNDLED = Path(pydicom.data.__file__).parent / "test_files"
RULES = """
[[plugin.compress.rules]]
calling_aet = "LOSSY"
to = "jpeg"
lossy = true
quality = 90

[[plugin.compress.rules]]
modality = "MR"
to = "htj2k"

[[plugin.compress.rules]]
modality = "OT"
to = "jpegxl"
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedArchive]:
    with served(tmp_path_factory.mktemp("archive"), config=RULES) as running:
        yield running


def instance(name: str, uid: str, **changed: object) -> pydicom.Dataset:
    dataset = pydicom.dcmread(BUNDLED / name)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.1"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
    for keyword, value in changed.items():
        setattr(dataset, keyword, value)
    return dataset


def send(archive: ServedArchive, dataset: pydicom.Dataset, aet: str = "SCANNER") -> int:
    """The status that the sender gets."""
    ae = AE(ae_title=aet)
    ae.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    association = ae.associate(archive.host, archive.port)
    assert association.is_established
    status = association.send_c_store(dataset).Status
    association.release()
    return int(status)


def stored(archive: ServedArchive) -> dict[str, pydicom.Dataset]:
    read = (pydicom.dcmread(path) for path in archive.objects())
    return {str(dataset.SOPInstanceUID): dataset for dataset in read}


def test_an_instance_that_a_rule_is_for_is_stored_compressed(archive: ServedArchive) -> None:
    """Under its UID, with every pixel; its sender is told SUCCESS, also when it sends it again."""
    sent = instance("MR_small.dcm", "1.2.3.1.1")
    assert send(archive, sent) == send(archive, sent) == 0x0000
    kept = stored(archive)["1.2.3.1.1"]
    assert kept.file_meta.TransferSyntaxUID == HTJ2KLossless
    assert kept.file_meta.MediaStorageSOPInstanceUID == "1.2.3.1.1"
    assert kept.file_meta.SourceApplicationEntityTitle == "SCANNER"
    assert np.array_equal(pixel_array(kept, raw=True), pixel_array(sent, raw=True))
    del sent.PixelData, kept.PixelData
    assert kept == sent


def test_an_instance_that_came_compressed_stays_as_it_came(archive: ServedArchive) -> None:
    sent = instance("MR_small_RLE.dcm", "1.2.3.1.2")
    assert send(archive, sent) == 0x0000
    kept = stored(archive)["1.2.3.1.2"]
    assert kept.file_meta.TransferSyntaxUID == RLELossless
    assert kept.PixelData == sent.PixelData


def test_what_cannot_be_compressed_is_kept_as_it_came_and_the_log_says_why(
    archive: ServedArchive,
) -> None:
    """JPEG XL has no signed samples."""
    sent = instance("MR_small.dcm", "1.2.3.1.3", Modality="OT")
    assert send(archive, sent) == 0x0000
    kept = stored(archive)["1.2.3.1.3"]
    assert kept.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert kept.PixelData == sent.PixelData
    log = archive.log_text()
    assert "kept as it came: it could not be compressed" in log
    assert "no codec encodes MONOCHROME2 of 16 in 16 bits, signed" in log


def test_a_report_without_pixels_is_kept_in_silence(archive: ServedArchive) -> None:
    sent = instance("reportsi.dcm", "1.2.3.1.4", Modality="OT")
    sent.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    before = archive.log_text().count("could not be compressed")
    assert send(archive, sent) == 0x0000
    assert "1.2.3.1.4" in stored(archive)
    assert archive.log_text().count("could not be compressed") == before


def test_a_lossy_rule_stores_a_derived_instance(archive: ServedArchive) -> None:
    """And the same one when it is sent again."""
    sent = instance("examples_rgb_color.dcm", "1.2.3.1.5")
    assert send(archive, sent, "LOSSY") == send(archive, sent, "LOSSY") == 0xB000
    kept = stored(archive)
    assert "1.2.3.1.5" not in kept
    (made,) = (
        each for each in kept.values() if each.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
    )
    assert made.file_meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID
    assert made.LossyImageCompression == "01"
    assert made.ImageType[0] == "DERIVED"
    assert made.SourceImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.1.5"
    assert made.PhotometricInterpretation == "YBR_FULL_422"


def test_the_archive_stays_sound(archive: ServedArchive) -> None:
    """Index and objects say the same of what was compressed."""
    assert send(archive, instance("MR_small.dcm", "1.2.3.1.6")) == 0x0000
    done = archive.command("verify", "--json")
    assert done.returncode == 0, done.stdout
