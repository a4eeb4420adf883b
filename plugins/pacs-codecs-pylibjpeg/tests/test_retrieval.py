"""Receivers that take no compressed transfer syntax get the pixels all the same."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import pixel_array
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as StudyRootGet

from pacs_framework.testing.process import ServedArchive, served

BUNDLED = Path(pydicom.data.__file__).parent / "test_files"
FILES = (
    "JPEG2000.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "MR_small_RLE.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "examples_ybr_color.dcm",
    "JPEG-lossy.dcm",  # 12 bits, which Pillow does not know
    "SC_rgb_rle_2frame.dcm",  # made larger, with a damaged second frame
    "MR_small_RLE.dcm",  # what comes behind them must come all the same
)
FAILING = 2
DAMAGED = "1.2.3.9.1"
# Other plugins with codecs may be installed, and would be asked first.
ALONE = """[plugins]
allow = ["codecs-pylibjpeg", "query-retrieve", "storage-filesystem", "store"]
"""


def numbered(name: str, number: int) -> pydicom.Dataset:
    """A file of pydicom's under UIDs of its own, all in one study."""
    dataset = pydicom.dcmread(BUNDLED / name)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", f"1.2.3.{number}"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}.1"
    return dataset


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pydicom.Dataset]:
    made = {f"1.2.3.{n}.1": numbered(name, n) for n, name in enumerate(FILES, start=1)}
    # Large, so that the first frame has gone out before the second one would be looked at.
    made[DAMAGED].decompress(generate_instance_uid=False)
    made[DAMAGED].Rows = made[DAMAGED].Columns = 600
    made[DAMAGED].compress(
        RLELossless, np.zeros((2, 600, 600, 3), "u1"), generate_instance_uid=False
    )
    first, _ = generate_frames(made[DAMAGED].PixelData, number_of_frames=2)
    made[DAMAGED].PixelData = encapsulate([first, b"no frame"])
    return made


@pytest.fixture(scope="module")
def archive(
    tmp_path_factory: pytest.TempPathFactory, originals: dict[str, pydicom.Dataset]
) -> Iterator[ServedArchive]:
    folder = tmp_path_factory.mktemp("sent")
    for uid, dataset in originals.items():
        dataset.save_as(folder / f"{uid}.dcm")
    with served(tmp_path_factory.mktemp("archive"), config=ALONE) as running:
        sent = running.run("store", running.host, running.port, "--aec", running.aet, folder)
        assert f"{len(FILES)} stored" in sent.stdout + sent.stderr
        yield running


def same_pixels(got: pydicom.Dataset, original: pydicom.Dataset) -> bool:
    return np.array_equal(pixel_array(got, raw=True), pixel_array(original, raw=True))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_c_get_gives_native_pixels_to_who_takes_no_others(
    archive: ServedArchive, originals: dict[str, pydicom.Dataset], syntax: str
) -> None:
    """What nobody decodes fails on its own; the others come."""
    got: dict[str, pydicom.Dataset] = {}

    def keep(event: evt.Event) -> int:
        dataset = event.dataset
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = event.context.transfer_syntax
        got[str(dataset.SOPInstanceUID)] = dataset
        return 0

    ae = AE()
    ae.add_requested_context(StudyRootGet)
    roles = []
    for sop_class in {original.SOPClassUID for original in originals.values()}:
        ae.add_requested_context(sop_class, syntax)
        roles.append(build_role(sop_class, scp_role=True))
    association = ae.associate(
        archive.host, archive.port, ext_neg=roles, evt_handlers=[(evt.EVT_C_STORE, keep)]
    )
    identifier = pydicom.Dataset()
    identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", "1.2.3"
    *_, (final, _) = association.send_c_get(identifier, StudyRootGet)
    association.release()

    assert final.NumberOfCompletedSuboperations == len(got) == len(FILES) - FAILING
    assert final.NumberOfFailedSuboperations == FAILING
    for uid, dataset in got.items():
        assert dataset.file_meta.TransferSyntaxUID == syntax
        assert same_pixels(dataset, originals[uid]), uid


@pytest.mark.interop
@pytest.mark.skipif(
    not Path("/usr/bin/getscu").exists(), reason="DCMTK is not installed: apt-get install dcmtk"
)
def test_dcmtk_reads_what_its_getscu_got(
    archive: ServedArchive, originals: dict[str, pydicom.Dataset], tmp_path: Path
) -> None:
    """Without options, getscu takes uncompressed transfer syntaxes only."""
    subprocess.run(
        [
            *("/usr/bin/getscu", "-S", "-aec", archive.aet, "-od", tmp_path),
            *("-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3"),
            *(archive.host, str(archive.port)),
        ],
        check=False,
        timeout=60,
    )
    files = list(tmp_path.iterdir())
    assert len(files) == len(FILES) - FAILING
    for file in files:
        checked = subprocess.run(["/usr/bin/dcmdump", "-q", file], capture_output=True, check=False)
        assert checked.returncode == 0, file
        got = pydicom.dcmread(file)
        assert not got.file_meta.TransferSyntaxUID.is_compressed
        assert same_pixels(got, originals[str(got.SOPInstanceUID)])


def test_what_is_stored_stays_compressed(
    archive: ServedArchive, originals: dict[str, pydicom.Dataset]
) -> None:
    for path in archive.objects():
        stored = pydicom.dcmread(path)
        original = originals[str(stored.SOPInstanceUID)]
        assert stored.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
        assert stored.PixelData == original.PixelData


def test_pacs_codecs_lists_them(archive: ServedArchive) -> None:
    rows = json.loads(archive.command("codecs", "--json").stdout)
    (rle,) = [row for row in rows if row["uid"] == "1.2.840.10008.1.2.5"]
    assert rle["decodes"][0] == ["codecs-pylibjpeg", "pylibjpeg"]
    assert rle["encodes"]
