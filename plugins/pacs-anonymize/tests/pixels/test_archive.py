"""Pixels at the doors of a whole archive: cleaned on the way in and on the way out, or refused."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset

from pacs_anonymize.keys import write_new_key
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(
        not Path("/usr/bin/getscu").exists(),
        reason="DCMTK is not installed: apt-get install dcmtk",
    ),
]

RLE = "1.2.840.10008.1.2.5"
CONFIG = """
[plugin.anonymize]
key_file = "{key}"

[plugin.anonymize.profiles.clean]
pixel_rules = ["{rules}"]

[[plugin.anonymize.on_store]]
calling_aet = "INTO"
anonymizer = "clean"

[[plugin.anonymize.on_retrieve]]
destination = "OUTOF"
anonymizer = "clean"
"""
RULES = """
[[pixels]]
when = 'ManufacturerModelName == "SONO 7"'
blank = [[0, 0, 16, 2]]
"""
NATIVE = bytes(range(1, 129))
CLEANED = bytes(32) + NATIVE[32:]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedArchive]:
    folder = tmp_path_factory.mktemp("pixels")
    write_new_key(folder / "key")
    (folder / "rules.toml").write_text(RULES, "utf-8")
    config = CONFIG.format(key=folder / "key", rules=folder / "rules.toml")
    with served(folder / "archive", config=config) as running:
        yield running
        assert running.stop() == 0


def image(path: Path, *, compressed: bool, **attributes: object) -> Dataset:
    instance = make_instance(Modality="US", Rows=8, Columns=16, **attributes)
    instance.SamplesPerPixel, instance.PhotometricInterpretation = 1, "MONOCHROME2"
    instance.BitsAllocated = instance.BitsStored = 8
    instance.HighBit, instance.PixelRepresentation = 7, 0
    instance.PixelData = NATIVE
    instance["PixelData"].VR = "OB"
    if compressed:
        instance.compress(RLE, generate_instance_uid=False)
    instance.save_as(path, enforce_file_format=True)
    return instance


def run(tool: str, archive: ServedArchive, *arguments: object) -> str:
    peer = ("-aec", archive.aet, archive.host, str(archive.port))
    command = (tool, *map(str, arguments[:-1]), *peer, *map(str, arguments[-1:]))
    done = subprocess.run(
        [each for each in command if each], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout + done.stderr


def send(archive: ServedArchive, calling_aet: str, path: Path) -> str:
    given = ("-v", "-R", "-xr", "-aet", calling_aet, path)
    lines = run("/usr/bin/storescu", archive, *given).splitlines()
    (status,) = [line for line in lines if "Received Store Response" in line]
    return status


def kept(archive: ServedArchive, number: int) -> list[Dataset]:
    found = [pydicom.dcmread(file) for file in archive.objects()]
    return [ds for ds in found if ds.InstanceNumber == number]


@pytest.mark.parametrize(("number", "compressed"), [(1, False), (2, True)])
def test_what_comes_in_is_kept_cleaned_and_nowhere_as_it_came(
    archive: ServedArchive, tmp_path: Path, number: int, compressed: bool
) -> None:
    more = {"ManufacturerModelName": "SONO 7", "InstanceNumber": number}
    image(tmp_path / "a.dcm", compressed=compressed, **more)
    assert "Warning: Coercion" in send(archive, "INTO", tmp_path / "a.dcm")
    (found,) = kept(archive, number)
    assert found.pixel_array.tobytes() == CLEANED
    if compressed:
        assert found.file_meta.TransferSyntaxUID == RLE
    assert found.BurnedInAnnotation == "NO"


def test_what_no_rule_is_for_is_refused_and_nothing_is_kept(
    archive: ServedArchive, tmp_path: Path
) -> None:
    image(tmp_path / "a.dcm", compressed=False, InstanceNumber=3)
    assert "0x110" in send(archive, "INTO", tmp_path / "a.dcm").lower()
    assert kept(archive, 3) == []


def test_frames_that_cannot_be_decoded_are_refused_and_the_door_stays_open(
    archive: ServedArchive, tmp_path: Path
) -> None:
    """The plugin has judged the header by then; the pixels are worked on after it."""
    for _ in range(6):
        broken = image(
            tmp_path / "a.dcm",
            compressed=True,
            ManufacturerModelName="SONO 7",
            InstanceNumber=4,
        )
        data = broken.PixelData
        broken.PixelData = data[:20] + bytes(each ^ 0xFF for each in data[20:60]) + data[60:]
        broken.save_as(tmp_path / "a.dcm", enforce_file_format=True)
        assert "0x110" in send(archive, "INTO", tmp_path / "a.dcm").lower()
    assert kept(archive, 4) == []
    more = {"ManufacturerModelName": "SONO 7", "InstanceNumber": 5}
    image(tmp_path / "b.dcm", compressed=True, **more)
    assert "Warning: Coercion" in send(archive, "INTO", tmp_path / "b.dcm")


@pytest.mark.parametrize("compressed", [False, True], ids=["native", "RLE"])
def test_a_view_is_cleaned_on_its_way_out(
    archive: ServedArchive, tmp_path: Path, compressed: bool
) -> None:
    """To one recipient cleaned, to another one as it is stored."""
    given = image(tmp_path / "a.dcm", compressed=compressed, ManufacturerModelName="SONO 7")
    assert "Success" in send(archive, "CLINIC", tmp_path / "a.dcm")
    found = {}
    for aet in ("OUTOF", "CLINIC"):
        out = tmp_path / aet
        out.mkdir()
        key = f"StudyInstanceUID={given.StudyInstanceUID}"
        level = "QueryRetrieveLevel=STUDY"
        run("/usr/bin/getscu", archive, "-S", "-aet", aet, "-od", out, "-k", level, "-k", key, "")
        (file,) = out.iterdir()
        found[aet] = pydicom.dcmread(file)
    assert found["OUTOF"].pixel_array.tobytes() == CLEANED
    assert found["OUTOF"].SOPInstanceUID != given.SOPInstanceUID
    assert found["CLINIC"].pixel_array.tobytes() == NATIVE
