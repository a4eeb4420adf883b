"""Real files: what identified stays nowhere, and the standard's checker finds nothing new."""

from __future__ import annotations

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pydicom
import pytest

from pacs_anonymize.engine.anonymizer import ProfileAnonymizer
from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.profile import Profile
from pacs_framework.anonymizers.files import anonymize_file
from pacs_framework.errors import InstanceError, NotAnonymized

KEY = b"a key of the tests"
BUNDLED = Path(pydicom.data.__file__).parent / "test_files"
SHARED = Path(__file__).resolve().parents[5] / "shared" / "dicom"
MOST = 3  # of a folder: slices of one series have the same header
CHECKER = shutil.which("dciodvfy")

PROFILES = {
    "basic": frozenset(),
    "most options": frozenset(Option) - {Option.RETAIN_LONGITUDINAL_FULL_DATES},
    "structured content": frozenset((Option.CLEAN_STRUCTURED_CONTENT,)),
}
# These bundled files are no whole instances: directories, parts, and damage done on purpose.
REFUSED = {"badVR.dcm", "UN_sequence.dcm", "no_meta_group_length.dcm", "priv_SQ.dcm"}
REFUSED |= {"JPEGLSNearLossless_08.dcm", "JPEGLSNearLossless_16.dcm"}
REFUSED |= {"SC_rgb_jls_lossy_line.dcm", "SC_rgb_jls_lossy_sample.dcm"}


def files_in(folder: Path) -> list[Path]:
    skipped = {".txt", ".json", ".md", ".gz", ".icc", ".dump"}
    return [p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix not in skipped]


def files_directly_in(folder: Path) -> list[Path]:
    return [path for path in files_in(folder) if path.parent == folder]


def de_identified(paths: list[Path], profile: str, into: Path) -> list[tuple[Path, Path]]:
    """Each file that could be de-identified, and what became of it."""
    anonymizer = ProfileAnonymizer(Profile("test", PROFILES[profile]), KEY)
    made = []
    for number, path in enumerate(paths):
        target = into / f"{number}.dcm"
        try:
            anonymize_file(anonymizer, path, target)
        except NotAnonymized:
            assert path.name in REFUSED or path.name.startswith(("DICOMDIR", "DIRFILE")), path
            assert not target.exists()
        except InstanceError:
            continue  # no instance to begin with
        else:
            made.append((path, target))
    return made


_UID_IN_META = "(0x0002,0x0003) Media Storage SOP Instance UID"


def errors(path: Path) -> set[str]:
    """What dciodvfy says, but for places and values; it may end by itself where it is at a loss."""
    command = [CHECKER or "", str(path)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    lines = (done.stderr + done.stdout).decode("latin-1").splitlines()
    told = (re.sub(r"(?<== )<[^>]*>|<[0-9./][^>]*>|(?<=UID )[0-9.]+", "", line) for line in lines)
    # A new file meta says the UID of the data set, whatever that is.
    told = (line.replace(_UID_IN_META, "(0x0008,0x0018) SOP Instance UID") for line in told)
    return {line for line in told if line.startswith("Error")}


def new_errors(pair: tuple[Path, Path]) -> list[str]:
    before, after = pair
    return [f"{before.name}: {error}" for error in sorted(errors(after) - errors(before))]


def needs_checker() -> None:
    if CHECKER is None:
        pytest.skip("dciodvfy is not installed (Debian: dicom3tools)")


@pytest.mark.interop
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_the_checker_finds_nothing_new_in_bundled_files(profile, tmp_path):
    """Over all files of pydicom; basic profile, and nearly everything retained and cleaned."""
    needs_checker()
    pairs = de_identified(files_in(BUNDLED), profile, tmp_path)
    assert len(pairs) > 130
    with ThreadPoolExecutor(2) as pool:
        assert [error for found in pool.map(new_errors, pairs) for error in found] == []


@pytest.mark.interop
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_the_checker_finds_nothing_new_in_real_objects(profile, tmp_path):
    """Segmentations, reports, slides, series of several makers, compression samples."""
    needs_checker()
    folders = [path for path in sorted(SHARED.rglob("*")) if path.is_dir()]
    paths = [path for folder in folders for path in files_directly_in(folder)[:MOST]]
    if not paths:
        pytest.skip(f"{SHARED} is not there")
    pairs = de_identified(paths, profile, tmp_path)
    assert len(pairs) > 60
    with ThreadPoolExecutor(2) as pool:
        assert [error for found in pool.map(new_errors, pairs) for error in found] == []


IDENTIFYING = (
    *("PatientName", "PatientID", "OtherPatientIDs", "PatientBirthDate", "PatientAddress"),
    *("ReferringPhysicianName", "OperatorsName", "InstitutionName", "StationName"),
    *("AccessionNumber", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "StudyDate"),
)


@pytest.mark.filterwarnings("ignore::UserWarning")  # what pydicom says of the damaged ones
def test_no_value_of_bundled_files_is_left(tmp_path):
    """None of an identifying attribute that is long enough to be told from others."""
    left = []
    for before, after in de_identified(files_in(BUNDLED), "basic", tmp_path):
        dataset = pydicom.dcmread(before, stop_before_pixels=True, force=True)
        header = after.read_bytes()[: 1 << 16].split(b"\xe0\x7f\x10\x00")[0]
        for keyword in IDENTIFYING:
            value = str(dataset.get(keyword) or "")
            if value and value in str(dataset.get("Manufacturer")):
                continue  # a maker at its own place: his name says nothing more there
            if len(value) > 5 and value.lower().encode("latin-1", "replace") in header.lower():
                left.append(f"{before.name}: {keyword}")
    assert left == []


def test_a_second_run_changes_no_bundled_file(tmp_path):
    """Byte for byte."""
    (tmp_path / "twice").mkdir()
    once = [target for _, target in de_identified(files_in(BUNDLED), "basic", tmp_path)]
    twice = de_identified(once, "basic", tmp_path / "twice")
    assert len(twice) == len(once)
    assert [a.name for a, b in twice if a.read_bytes() != b.read_bytes()] == []
