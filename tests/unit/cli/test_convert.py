"""``pacs convert``, as far as it needs no codec."""

from __future__ import annotations

import json
import threading
from functools import partial
from pathlib import Path

import pydicom
import pytest
from click.testing import CliRunner, Result
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs_framework.cli.convert import _convert, _Interruptible
from pacs_framework.cli.files import FileTask, in_threads
from pacs_framework.cli.main import main
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.files import Conversion, Outcome
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

PIXELS = PixelFormat(rows=1, columns=1, bits_allocated=8, bits_stored=8)


def convert(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["convert", *map(str, arguments)])


def write(path: Path, uid: str = "1.2.3.4") -> Path:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, uid
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 2, 3, 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation, dataset.PhotometricInterpretation = 0, "MONOCHROME2"
    dataset.PixelData = bytes(range(12))
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for name in ("1.dcm", "series/1.dcm", "series/2.dcm"):
        write(tmp_path / "study" / name)
    return tmp_path / "study"


def test_files_of_a_folder_keep_their_places(study: Path, tmp_path: Path) -> None:
    done = convert(study, "--to", "implicit", "-o", tmp_path / "out", "--verify")
    assert done.exit_code == 0, done.output
    assert files(tmp_path / "out") == {"1.dcm", "series/1.dcm", "series/2.dcm"}
    for path in (tmp_path / "out").rglob("*.dcm"):
        read = pydicom.dcmread(path)
        assert read.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
        assert read.PixelData == bytes(range(12))
    assert "3 converted, 0 failed" in done.output


def test_json_has_a_row_for_each_file_in_order(study: Path, tmp_path: Path) -> None:
    (study / "no.dcm").write_bytes(b"no DICOM file")
    done = convert(study, "--to", "implicit", "-o", tmp_path / "out", "--json")
    assert done.exit_code == 1
    rows = json.loads(done.stdout)
    assert [row["outcome"] for row in rows] == ["converted", "failed", "converted", "converted"]
    good, bad = rows[:2]
    out = tmp_path / "out" / "1.dcm"
    assert good == {
        "path": str(study / "1.dcm"),
        "output": str(out),
        "outcome": "converted",
        "bytes_before": (study / "1.dcm").stat().st_size,
        "bytes_after": out.stat().st_size,
        "sop_instance_uid": "1.2.3.4",
        "error": "",
    }
    assert bad["output"] == ""
    assert bad["error"].startswith("no DICOM file")


def test_nothing_is_overwritten_unless_asked(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "series").mkdir(parents=True)
    (out / "series" / "2.dcm").write_bytes(b"precious")
    done = convert(study, "--to", "implicit", "-o", out)
    assert done.exit_code == 1
    assert "2 converted, 1 failed" in done.output
    there = out / "series" / "2.dcm"
    assert f"{there} is there already; --overwrite replaces it" in done.output
    assert there.read_bytes() == b"precious"
    assert convert(study, "--to", "implicit", "-o", out, "--overwrite").exit_code == 0
    assert there.read_bytes() != b"precious"


def test_of_two_files_with_one_name_the_first_is_written(tmp_path: Path) -> None:
    """Also with --overwrite: neither may replace what this very command wrote."""
    one = write(tmp_path / "a" / "1.dcm", "1.2.3.1")
    other = write(tmp_path / "b" / "1.dcm", "1.2.3.2")
    done = convert(one, other, "--to", "implicit", "-o", tmp_path / "out", "--overwrite")
    assert done.exit_code == 1
    assert f"{other}: {one} is written to {tmp_path / 'out' / '1.dcm'} too" in done.output
    assert pydicom.dcmread(tmp_path / "out" / "1.dcm").SOPInstanceUID == "1.2.3.1"


def test_the_output_may_lie_in_the_folder(study: Path) -> None:
    """What is in it is no input, also the second time."""
    for options in ((), ("--overwrite",)):
        done = convert(study, "--to", "implicit", "-o", study / "out", *options)
        assert "3 converted, 0 failed" in done.output
    assert len(files(study / "out")) == 3


def test_a_file_may_be_converted_in_its_place(study: Path) -> None:
    done = convert(study, "--to", "implicit", "-o", study, "--overwrite", "--verify")
    assert done.exit_code == 0, done.output
    assert files(study) == {"1.dcm", "series/1.dcm", "series/2.dcm"}
    syntax = pydicom.dcmread(study / "series" / "2.dcm").file_meta.TransferSyntaxUID
    assert syntax == ImplicitVRLittleEndian


@pytest.mark.parametrize(
    ("syntax", "told"),
    [
        ("jpg", "no transfer syntax is called 'jpg'"),
        ("1.2.840.10008.1.2.4.50", "may lose information"),
        ("JPEG2000", "may lose information"),
        ("1.2.840.10008.1.2.4.92", "no installed codec encodes"),
        ("jpeg", "`pacs convert --lossy` allows it"),
    ],
)
def test_a_syntax_that_is_no_target_is_told_before_anything_is_done(
    study: Path, tmp_path: Path, syntax: str, told: str
) -> None:
    done = convert(study, "--to", syntax, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert told in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()


def test_a_folder_without_files_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = convert(tmp_path / "empty", "--to", "implicit", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "no files" in done.output


def test_an_interrupted_run_ends_at_the_next_frame(tmp_path: Path) -> None:
    """And not with the last one of a file of a thousand frames."""

    class Endless:
        """Codecs that always have one more frame to do."""

        def decodes(self, syntax: str) -> bool:
            return True

        encodes = decodes

        def decode(self, *_: object) -> None:
            began.set()

        encode = decode

    class Converter:
        def convert(self, source: Path, destination: Path) -> Conversion:
            if source.name == "quick":
                return Conversion(
                    outcome=Outcome.COPIED, source_size=1, size=1, sop_instance_uid="1.2"
                )
            while True:
                codecs.decode(b"", "", PIXELS)

    began, codecs = threading.Event(), _Interruptible(Endless())
    tasks = [
        FileTask(source=tmp_path / name, destination=tmp_path) for name in ("quick", "endless")
    ]
    results = in_threads(partial(_convert, Converter()), tasks, 2, stop=codecs.stop)
    assert next(results).outcome == "copied"
    assert began.wait(20)
    results.close()
    with pytest.raises(UnreadableInstance, match="interrupted"):
        codecs.encode(Frame(b"", PIXELS), "")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--quality", 90), "--quality loses information: add --lossy to allow it"),
        (("--ratio", 2, "--near", 1), "--ratio, --near loses information"),
        (("--lossy",), "--lossy needs one of --quality, --ratio and --near"),
        (("--lossy", "--ratio", 2, "--near", 1), "--lossy needs one of"),
        (("--lossy", "--quality", 101), "a quality is from 1 to 100, not 101"),
        (("--lossy", "--quality", 90), "loses nothing, so there is no loss to measure"),
    ],
)
def test_nothing_is_lost_unless_it_is_said_and_how_much(
    study: Path, tmp_path: Path, options: tuple[object, ...], told: str
) -> None:
    done = convert(study, "--to", "rle", *options, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert told in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()
