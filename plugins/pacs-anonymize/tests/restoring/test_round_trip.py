"""De-identified out, results back: patient, study and references are the original ones again."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pydicom
import pytest
from click.testing import CliRunner, Result
from pydicom import Dataset

from pacs_anonymize.keys import write_new_key
from pacs_framework.cli.main import main
from pacs_framework.testing.logging_state import LoggingState

SHARED = Path(__file__).resolve().parents[5] / "shared" / "dicom" / "ct-series" / "ge"
BUNDLED = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"
CHECKER = shutil.which("dciodvfy")
REPORT_READER = shutil.which("dsrdump")

_spec = importlib.util.spec_from_file_location("results", Path(__file__).with_name("results.py"))
assert _spec is not None
assert _spec.loader is not None
results = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(results)

WHO = {
    "PatientName": "Zuckmayer^Zoé",
    "PatientID": "ZKM-4711",
    "IssuerOfPatientID": "CLINIC",
    "PatientBirthDate": "19410203",
    "PatientSex": "F",
    "AccessionNumber": "ACC-0815",
    "StudyID": "S-7",
    "StudyDate": "20260501",
    "AcquisitionDate": "20260501",
    "ReferringPhysicianName": "Refer^Rita",
}
STATEMENT = (
    *("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"),
    "LongitudinalTemporalInformationModified",
)


def pacs(*arguments: object) -> Result:
    log = LoggingState.now()  # put back here: for a test, what its module set up was always so
    try:
        return CliRunner().invoke(main, ["anonymize", *map(str, arguments)])
    finally:
        log.restore()


class Site:
    """A folder with originals, keys, a vault, and what was de-identified of the originals."""

    def __init__(self, folder: Path, sources: list[Path]) -> None:
        self.folder = folder
        for number, source in enumerate(sources):
            image = pydicom.dcmread(source)
            image.SpecificCharacterSet = "ISO_IR 100"
            for keyword, value in WHO.items():
                setattr(image, keyword, value)
            (folder / "in").mkdir(exist_ok=True)
            image.save_as(folder / "in" / f"{number}.dcm")
        self.originals = read(folder / "in")
        for name in ("key", "vault.key"):
            write_new_key(folder / name)
        self.vault = ["--map", folder / "vault", "--vault-key", folder / "vault.key"]
        assert pacs("vault", "create", *self.vault).exit_code == 0

    def de_identify(self, into: str = "out", *options: str) -> list[Dataset]:
        key = ["--key-file", self.folder / "key"]
        arguments = [self.folder / "in", "-o", self.folder / into, *key, *self.vault]
        done = pacs(*arguments, *options)
        assert done.exit_code == 0, done.output
        return read(self.folder / into)

    def restore(self, source: str, into: str) -> Result:
        paths = [self.folder / source, "-o", self.folder / into]
        return pacs("restore", *paths, *self.vault, "--reason", "results for the record")


def read(folder: Path) -> list[Dataset]:
    found = [pydicom.dcmread(path) for path in folder.rglob("*") if path.is_file()]
    return sorted(found, key=lambda image: int(image.InstanceNumber))


DATES = ("--option", "retain-longitudinal-modified-dates")


@pytest.fixture(scope="module", params=["bundled", "real"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One image of pydicom's, and three of a real series."""
    sources = [BUNDLED] if request.param == "bundled" else sorted(SHARED.glob("*.dcm"))[:3]
    if not sources:
        pytest.skip(f"{SHARED} is not there")
    made = Site(tmp_path_factory.mktemp("site"), sources)
    images = made.de_identify("out", *DATES)
    came = made.folder / "came"
    came.mkdir()
    for name, make in (("seg", results.segmentation), ("sr", results.report)):
        make(images).save_as(came / name, enforce_file_format=True)
    return made


@pytest.fixture(scope="module")
def restored(site: Site) -> Path:
    done = site.restore("came", "back")
    assert done.exit_code == 0, done.output
    assert "2 written, 0 failed" in done.output
    return site.folder / "back"


@pytest.mark.parametrize("name", ["seg", "sr"])
def test_patient_and_study_are_the_original_ones(site: Site, restored: Path, name: str) -> None:
    came, back = (pydicom.dcmread(folder / name) for folder in (site.folder / "came", restored))
    original = site.originals[0]
    assert came.PatientID != original.PatientID
    for keyword in (*WHO, "StudyInstanceUID", "StudyTime"):
        assert back[keyword].value == original[keyword].value, keyword
    assert not [keyword for keyword in STATEMENT if keyword in back]
    content = (restored / name).read_bytes()
    assert str(came.PatientID).encode() not in content, "not in the tree of a report either"


@pytest.mark.parametrize("name", ["seg", "sr"])
def test_references_lead_to_the_originals(site: Site, restored: Path, name: str) -> None:
    """Every UID is one of an original, or the result's own."""
    came, back = (pydicom.dcmread(folder / name) for folder in (site.folder / "came", restored))
    known = {uid for image in site.originals for uid in results.uids_in(image)}
    own = {str(came.SOPInstanceUID), str(came.SeriesInstanceUID)}
    if name == "seg":
        own.add(str(came.DimensionOrganizationSequence[0].DimensionOrganizationUID))
        assert back.FrameOfReferenceUID == site.originals[0].FrameOfReferenceUID
        assert back.PixelData == came.PixelData
    assert own <= results.uids_in(back) <= own | known
    assert {str(image.SOPInstanceUID) for image in site.originals} <= results.uids_in(back)
    assert back.file_meta.MediaStorageSOPInstanceUID == back.SOPInstanceUID


@pytest.mark.parametrize("name", ["seg", "sr"])
def test_when_a_result_was_made_stays(restored: Path, name: str) -> None:
    """Dates that were copied from the images go back to what they were; its own were true."""
    back = pydicom.dcmread(restored / name)
    assert (back.SeriesDate, back.ContentDate) == (results.MADE_ON, results.MADE_ON)
    assert back.AcquisitionDate == WHO["AcquisitionDate"]


def test_the_name_stands_in_the_report(restored: Path) -> None:
    back = pydicom.dcmread(restored / "sr")
    subject, name, study = back.ContentSequence[:3]
    assert subject.TextValue == WHO["PatientID"]
    assert name.PersonName == WHO["PatientName"]
    assert back.StudyInstanceUID == study.UID


@pytest.mark.interop
@pytest.mark.parametrize("name", ["seg", "sr"])
def test_the_checker_finds_nothing_new(site: Site, restored: Path, name: str) -> None:
    if CHECKER is None:
        pytest.skip("dciodvfy is not installed (Debian: dicom3tools)")

    def errors(path: Path) -> set[str]:
        done = subprocess.run(
            [CHECKER, str(path)], capture_output=True, text=True, timeout=60, check=False
        )
        return {line for line in done.stderr.splitlines() if line.startswith("Error")}

    assert errors(restored / name) - errors(site.folder / "came" / name) == set()


@pytest.mark.interop
def test_others_read_the_report(restored: Path) -> None:
    if REPORT_READER is None:
        pytest.skip("DCMTK is not installed: apt-get install dcmtk")
    done = subprocess.run(
        [REPORT_READER, "+U8", str(restored / "sr")], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert WHO["PatientID"].encode() in done.stdout


@pytest.mark.parametrize("options", [(), DATES], ids=["dates removed", "dates moved"])
def test_what_went_out_comes_back_as_who_it_was(site: Site, options: tuple[str, ...]) -> None:
    """An instance that was not changed outside: UIDs, patient, study, and dates that were moved."""
    name = f"again {len(options)}"
    site.de_identify(name, *options)
    assert site.restore(name, f"{name} back").exit_code == 0
    for original, back in zip(site.originals, read(site.folder / f"{name} back"), strict=True):
        for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", *WHO):
            if keyword == "AcquisitionDate" and not options:
                continue  # it was removed, and is in no vault
            assert back[keyword].value == original[keyword].value, keyword
        if options:
            assert back.get("ContentDate") == original.get("ContentDate")
            assert "LongitudinalTemporalInformationModified" not in back
        else:
            assert back.LongitudinalTemporalInformationModified == "REMOVED", "which is still so"
        assert "PatientIdentityRemoved" not in back
        assert back.PixelData == original.PixelData


def test_who_is_not_in_the_vault_is_not_put_back(site: Site) -> None:
    came = pydicom.dcmread(site.folder / "came" / "seg")
    folder = site.folder / "strangers"
    folder.mkdir()
    came.PatientID = "SOMEBODY"
    came.save_as(folder / "stranger")
    came.PatientID = ""
    came.save_as(folder / "nobody")
    done = site.restore("strangers", "strangers back")
    assert done.exit_code == 1
    assert "0 written, 2 failed" in done.output
    assert "no pseudonym of this vault" in done.output
    assert not (site.folder / "strangers back").exists()


def test_a_study_of_another_patient_is_not_put_together(site: Site, tmp_path: Path) -> None:
    """Somebody else's pseudonym on the UID of this study: nothing of it can be trusted."""
    other = pydicom.dcmread(site.folder / "in" / "0.dcm")
    other.PatientID, other.StudyInstanceUID = "OTHER", "2.25.4711"
    other.save_as(tmp_path / "other")
    key = ["--key-file", site.folder / "key"]
    assert pacs(tmp_path / "other", "-o", tmp_path / "out", *key, *site.vault).exit_code == 0
    (image,) = read(tmp_path / "out")
    mixed = pydicom.dcmread(site.folder / "came" / "sr")
    mixed.PatientID = image.PatientID
    mixed.save_as(tmp_path / "mixed")
    done = pacs(
        "restore", tmp_path / "mixed", "-o", tmp_path / "back", *site.vault, "--reason", "x"
    )
    assert done.exit_code == 1
    assert "its study is one of another patient" in done.output


def test_every_restoring_is_in_the_trail(site: Site, restored: Path) -> None:
    del restored
    trail = pacs("vault", "audit", *site.vault).output
    came = pydicom.dcmread(site.folder / "came" / "seg")
    subject = f"{came.PatientID} {came.SOPInstanceUID}"
    lines = [line for line in trail.splitlines() if subject in line]
    assert len(lines) == 1
    assert "restore" in lines[0]
    assert "results for the record" in lines[0]
    assert WHO["PatientID"] not in trail
