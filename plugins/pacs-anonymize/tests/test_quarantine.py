"""Quarantine: what could not be de-identified is kept apart, until another try takes it in."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from click.testing import CliRunner, Result
from pydicom import Dataset

from pacs_anonymize.keys import write_new_key
from pacs_anonymize.quarantine.folder import Case, NoSuchEntry, Quarantine, Quarantined
from pacs_framework.cli.main import main
from pacs_framework.errors import ConfigurationError
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.logging_state import LoggingState
from pacs_framework.testing.process import ServedArchive, served

CASE = Case(reason="(0010,0010) is of a kind that nobody knows", anonymizer="basic", door="dimse")

# --- the folder -----------------------------------------------------------------------------------


def test_the_same_bytes_are_one_entry(tmp_path: Path) -> None:
    """A sender that tries for ever does not fill the disk, and its tries are counted."""
    quarantine = Quarantine(tmp_path / "deep" / "quarantine")
    first = quarantine.add(CASE, [b"one ", b"instance"])
    again = quarantine.add(CASE, [b"one instance"])
    other = quarantine.add(CASE, [b"another"])
    assert again.id == first.id
    assert {entry.id: entry.times for entry in quarantine} == {first.id: 2, other.id: 1}
    assert quarantine.file_of(first).read_bytes() == b"one instance"
    assert quarantine.find(first.id[:10]).case == CASE
    assert quarantine.find(first.id).size == 12


def test_it_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "quarantine")
    entry = quarantine.add(CASE, [b"instance"])
    assert quarantine.folder.stat().st_mode & 0o777 == 0o700
    assert quarantine.file_of(entry).stat().st_mode & 0o777 == 0o600
    quarantine.folder.chmod(0o750)
    with pytest.raises(ConfigurationError, match="can be used by others than its owner"):
        quarantine.add(CASE, [b"other"])


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "quarantine")

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        quarantine.add(CASE, broken())
    assert list(quarantine) == []
    assert not [path for path in quarantine.folder.iterdir() if path.name != ".lock"]


def test_what_has_lost_its_note_is_still_listed(tmp_path: Path) -> None:
    """A crash between the two files hides no instance."""
    quarantine = Quarantine(tmp_path / "quarantine")
    entry = quarantine.add(CASE, [b"instance"])
    quarantine.file_of(entry).with_suffix(".json").unlink()
    (found,) = quarantine
    assert found.id == entry.id
    assert found.case.reason == "unknown: the note beside it is lost"


def test_an_entry_is_found_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "quarantine")
    entries = [quarantine.add(CASE, [bytes([number])]) for number in range(17)]
    for entry in entries:
        assert quarantine.find(entry.id) == entry
    with pytest.raises(NoSuchEntry, match="no entry begins with 'x'"):
        quarantine.find("x")
    digits = [entry.id[0] for entry in entries]
    several = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(NoSuchEntry, match="entries begin with"):
        quarantine.find(several)
    quarantine.delete(entries[0])
    assert len(list(quarantine)) == 16


# --- at the door ----------------------------------------------------------------------------------

PROFILE = """
base = "basic"
[[refuse]]
when = 'BurnedInAnnotation == "YES"'
reason = "text is burned into its pixels"
"""

PIXELS = """
base = "basic"
options = ["clean-pixel-data"]
[[pixels]]
blank = [[0, 0, 4, 4]]
"""
NO_PIXELS = """
base = "basic"
"""

CONFIG = """
[plugin.anonymize]
key_file = "{folder}/key"
quarantine = "{folder}/quarantine"
[plugin.anonymize.vault]
place = "{folder}/vault"
key_file = "{folder}/vault.key"
[plugin.anonymize.profiles.trial]
file = "{folder}/trial.toml"
[plugin.anonymize.profiles.pixels]
file = "{folder}/pixels.toml"
[[plugin.anonymize.on_store]]
calling_aet = "TRIAL*"
anonymizer = "trial"
[[plugin.anonymize.on_store]]
calling_aet = "RESULTS"
reidentify = true
reason = "results of the trial"
[[plugin.anonymize.on_store]]
calling_aet = "PIXELS"
anonymizer = "pixels"
"""
RLE = "1.2.840.10008.1.2.5"

interop = [
    pytest.mark.interop,
    pytest.mark.skipif(
        not Path("/usr/bin/storescu").exists(),
        reason="DCMTK is not installed: apt-get install dcmtk",
    ),
]
MIB = 1 << 20


def pacs(*arguments: object) -> Result:
    log = LoggingState.now()  # put back here: for a test, what its module set up was always so
    try:
        return CliRunner().invoke(main, ["anonymize", *map(str, arguments)])
    finally:
        log.restore()


class Site:
    """An archive that runs, with a quarantine and a vault."""

    def __init__(self, folder: Path, archive: ServedArchive) -> None:
        self.folder = folder
        self.archive = archive

    def send(self, instance: Dataset, calling_aet: str) -> str:
        file = self.folder / "sent.dcm"
        instance.save_as(file, enforce_file_format=True)
        compressed = instance.file_meta.TransferSyntaxUID == RLE
        more = ["-xr"] if compressed else []
        command = [
            "/usr/bin/storescu",
            "-v",
            "-R",
            *more,
            "-aet",
            calling_aet,
            "-aec",
            self.archive.aet,
        ]
        command += [self.archive.host, str(self.archive.port), str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        said = (done.stdout + done.stderr).splitlines()
        (status,) = [line for line in said if "Received Store Response" in line]
        return status

    def kept(self, number: int) -> list[Dataset]:
        found = [pydicom.dcmread(file) for file in self.archive.objects()]
        return [ds for ds in found if ds.InstanceNumber == number]

    def quarantined(self) -> list[Quarantined]:
        return list(Quarantine(self.folder / "quarantine"))

    @property
    def config(self) -> Path:
        return self.archive.config


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("quarantine")
    for name in ("key", "vault.key"):
        write_new_key(folder / name)
    (folder / "trial.toml").write_text(PROFILE)
    (folder / "pixels.toml").write_text(PIXELS)
    config = CONFIG.format(folder=folder)
    where = ["--map", folder / "vault", "--vault-key", folder / "vault.key"]
    assert pacs("vault", "create", *where).exit_code == 0
    with served(folder / "archive", config=config) as running:
        yield Site(folder, running)
        assert running.stop() == 0


def identified(number: int, *, size: int = 0, **more: object) -> Dataset:
    instance = make_instance(
        PatientName="Zuckmayer^Zoe", PatientID="ZKM-4711", AccessionNumber="ACC-0815",
        StudyInstanceUID="2.25.4711", SeriesInstanceUID="2.25.4712", InstanceNumber=number, **more,
    )  # fmt: skip
    if size:
        instance.Rows = instance.Columns = size
        instance.PixelData = bytes(range(256)) * (size * size * 2 // 256)
    return instance


def damaged_frames(number: int, size: int) -> Dataset:
    """An image whose header is whole, and whose frame no codec decodes."""
    instance = identified(number, Rows=size, Columns=size)
    instance.BitsAllocated = instance.BitsStored = 8
    instance.HighBit = 7
    instance.PixelData = random.Random(number).randbytes(size * size)
    instance["PixelData"].VR = "OB"
    instance.compress(RLE, generate_instance_uid=False)
    data = instance.PixelData
    instance.PixelData = data[:20] + bytes(each ^ 0xFF for each in data[20:60]) + data[60:]
    return instance


class TestArchive:
    """Over the wire."""

    pytestmark = interop

    @pytest.mark.parametrize("size", [0, 1024], ids=["in memory", "staged"])
    def test_what_is_refused_is_kept_and_taken_in_once_the_profile_was_mended(
        self, site: Site, size: int
    ) -> None:
        """Beside the running archive; the sender had been told a failure, each time."""
        number = 1 + size
        burned = identified(number, size=size, BurnedInAnnotation="YES")
        assert not size or len(burned.PixelData) > MIB
        for _ in range(2):
            assert "0x110" in site.send(burned, "TRIAL1").lower()
        (entry,) = site.quarantined()
        assert entry.times == 2
        case = entry.case
        assert case.reason.endswith("text is burned into its pixels")
        assert (case.calling_aet, case.rule) == ("TRIAL1", "on_store 1")
        assert case.sop_instance_uid == burned.SOPInstanceUID
        (file,) = (site.folder / "quarantine").glob("*.dcm")
        assert pydicom.dcmread(file) == burned

        replay = ["quarantine", "replay", "--all", "--config", site.config]
        again = pacs(*replay)
        assert again.exit_code == 1
        assert "0 taken in, 1 failed" in again.output
        (entry,) = site.quarantined()
        assert entry.times == 3, "a replay that fails is one more try"

        (site.folder / "trial.toml").write_text('base = "basic"\n')
        done = pacs(*replay)
        (site.folder / "trial.toml").write_text(PROFILE)
        assert done.exit_code == 0, done.output
        assert "1 taken in, 0 failed" in done.output
        assert site.quarantined() == []
        assert not list((site.folder / "quarantine").glob("*.*m"))
        (kept,) = site.kept(number)
        assert kept.PatientIdentityRemoved == "YES"
        assert kept.PixelData == burned.PixelData

    @pytest.mark.parametrize("size", [64, 1100], ids=["in memory", "staged"])
    def test_damaged_frames_are_kept_as_they_came_and_taken_in_when_nobody_touches_them(
        self, site: Site, size: int
    ) -> None:
        """The header was de-identified by then: what is put aside is the original all the same."""
        number = 60 + size
        damaged = damaged_frames(number, size)
        assert size < 1000 or len(damaged.PixelData) > MIB
        for _ in range(2):
            assert "0x110" in site.send(damaged, "PIXELS").lower()
        (entry,) = site.quarantined()
        assert entry.times == 2
        assert entry.case.reason.startswith("the pixels cannot be worked on: ")
        assert (entry.case.anonymizer, entry.case.rule) == ("pixels", "on_store 3")
        (file,) = (site.folder / "quarantine").glob("*.dcm")
        assert pydicom.dcmread(file) == damaged

        replay = ["quarantine", "replay", entry.id, "--config", site.config]
        assert pacs(*replay).exit_code == 1
        (entry,) = site.quarantined()
        assert entry.times == 3
        assert site.kept(number) == []

        (site.folder / "pixels.toml").write_text(NO_PIXELS)
        done = pacs(*replay)
        (site.folder / "pixels.toml").write_text(PIXELS)
        assert done.exit_code == 0, done.output
        assert site.quarantined() == []
        (kept,) = site.kept(number)
        assert kept.PatientIdentityRemoved == "YES"
        assert kept.PixelData == damaged.PixelData

    def test_what_no_rule_is_for_any_more_is_not_kept_as_it_came(self, site: Site) -> None:
        burned = identified(31, BurnedInAnnotation="YES")
        assert "0x110" in site.send(burned, "TRIAL1").lower()
        (entry,) = site.quarantined()
        text = site.config.read_text()
        other = site.folder / "other.toml"
        other.write_text(text.replace('"TRIAL*"', '"ELSEWHERE"'))
        place = ["--config", other]
        done = pacs("quarantine", "replay", entry.id, *place)
        assert done.exit_code == 1
        assert "it would be kept as it came" in done.output
        assert site.kept(31) == []
        deleted = pacs("quarantine", "delete", entry.id, *place)
        assert deleted.exit_code == 0, deleted.output
        assert site.quarantined() == []

    def test_what_came_in_can_be_led_back(self, site: Site) -> None:
        """The way back is in the vault before the sender hears of it, and a rule takes it."""
        assert "Warning: Coercion" in site.send(identified(41), "TRIAL1")
        (kept,) = site.kept(41)
        result = make_instance(InstanceNumber=42, ImageType=["DERIVED", "SECONDARY"])
        result.PatientID, result.PatientName = kept.PatientID, kept.PatientName
        result.StudyInstanceUID = kept.StudyInstanceUID
        result.PatientIdentityRemoved = "YES"
        reference = Dataset()
        reference.ReferencedSOPClassUID = kept.SOPClassUID
        reference.ReferencedSOPInstanceUID = kept.SOPInstanceUID
        result.SourceImageSequence = [reference]
        assert "Warning: Coercion" in site.send(result, "RESULTS")
        (back,) = site.kept(42)
        assert (back.PatientID, back.PatientName) == ("ZKM-4711", "Zuckmayer^Zoe")
        assert (back.StudyInstanceUID, back.AccessionNumber) == ("2.25.4711", "ACC-0815")
        original = back.SourceImageSequence[0].ReferencedSOPInstanceUID
        assert original not in (kept.SOPInstanceUID, "")
        assert "PatientIdentityRemoved" not in back
        trail = pacs("vault", "audit", "--json", "--config", site.config)
        (line,) = [each for each in json.loads(trail.output) if each["action"] == "restore"]
        assert line["who"] == "RESULTS@127.0.0.1"
        assert line["reason"] == "results of the trial"

    def test_whom_the_vault_does_not_know_is_refused(self, site: Site) -> None:
        stranger = make_instance(PatientID="STRANGER", InstanceNumber=51)
        assert "0x110" in site.send(stranger, "RESULTS").lower()
        assert site.kept(51) == []
        (entry,) = site.quarantined()
        assert entry.case.anonymizer == "reidentify"
        pacs("quarantine", "delete", entry.id, "--config", site.config)


# --- files ----------------------------------------------------------------------------------------


def test_files_that_fail_are_put_aside_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "trial.toml").write_text(PROFILE)
    for name, burned in (("good", "NO"), ("burned", "YES")):
        instance = identified(1, BurnedInAnnotation=burned)
        instance.save_as(tmp_path / name, enforce_file_format=True)
    (tmp_path / "no dicom").write_text("text")
    paths = [tmp_path / name for name in ("good", "burned", "no dicom")]
    options = ["--profile", tmp_path / "trial.toml", "--quarantine", tmp_path / "quarantine"]
    done = pacs(*paths, "-o", tmp_path / "out", *options)
    assert done.exit_code == 1
    assert "1 written, 2 failed" in done.output
    (entry,) = Quarantine(tmp_path / "quarantine")
    assert entry.case.source == str(tmp_path / "burned")
    assert entry.case.reason.endswith("text is burned into its pixels")
    assert f"quarantine {entry.id}" in done.output
    file = Quarantine(tmp_path / "quarantine").file_of(entry)
    assert file.read_bytes() == (tmp_path / "burned").read_bytes()
    replay = ["quarantine", "replay", "--all", "--quarantine", file.parent]
    refused = pacs(*replay, "--data", tmp_path / "archive")
    assert refused.exit_code == 1
    assert "it came from a file" in refused.output
