"""Corrected patients as DCMTK sees them: found, got and moved under what holds, on both engines."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset

from pacs_framework.testing.process import ServedArchive, served

from .conftest import BUNDLED

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore::UserWarning")]

Dcmtk = Callable[..., subprocess.CompletedProcess[str]]
CT, MR_IN_RLE = BUNDLED / "CT_small.dcm", BUNDLED / "MR_small_RLE.dcm"
LATER = BUNDLED / "MR_small.dcm"


@pytest.fixture
def archive(pacs_index_url: str, tmp_path: Path) -> Iterator[ServedArchive]:
    """``pacs serve`` on each engine."""
    with served(tmp_path / "archive", config=f'[index]\nurl = "{pacs_index_url}"\n') as running:
        yield running
        assert running.stop() == 0


def correct(archive: ServedArchive, verb: str, *arguments: str) -> dict[str, object]:
    """By the command, in a process of its own."""
    told = archive.run(
        *("patient", verb, "--config", archive.config, "--json"),
        *(*arguments, "--reason", "test"),
    )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def found(archive: ServedArchive, dcmtk: Dcmtk, folder: Path, *keys: str) -> list[Dataset]:
    """What findscu is answered at study level."""
    folder.mkdir()
    options = [text for key in ("QueryRetrieveLevel=STUDY", *keys) for text in ("-k", key)]
    done = dcmtk(
        *("findscu", "-S", "-X", "-od", folder, "-aec", archive.aet),
        *(*options, archive.host, archive.port),
    )
    assert done.returncode == 0, done.stderr
    return [pydicom.dcmread(file, force=True) for file in sorted(folder.iterdir())]


def got(archive: ServedArchive, dcmtk: Dcmtk, folder: Path, patient: str) -> list[Dataset]:
    """What getscu gets of a patient; it takes no compressed transfer syntax."""
    folder.mkdir()
    done = dcmtk(
        *("getscu", "-P", "-od", folder, "-aec", archive.aet, archive.host, archive.port),
        *("-k", "QueryRetrieveLevel=PATIENT", "-k", f"PatientID={patient}"),
    )
    assert done.returncode == 0, done.stderr
    return [pydicom.dcmread(file) for file in sorted(folder.iterdir())]


def test_peers_see_who_is_linked(archive: ServedArchive, dcmtk: Dcmtk, tmp_path: Path) -> None:
    """In what they get and where they ask; each Patient ID goes on finding its own studies."""
    send = ("dcmsend", "-aec", archive.aet, archive.host, archive.port)
    assert dcmtk(*send, CT, MR_IN_RLE).returncode == 0
    correct(archive, "link", "1CT1", "4MR1")
    own = [item.PatientID for item in pydicom.dcmread(CT).OtherPatientIDsSequence]
    asked = ("PatientID=1CT1", "OtherPatientIDsSequence[0].PatientID")
    (answer,) = found(archive, dcmtk, tmp_path / "found", *asked)
    assert [item.PatientID for item in answer.OtherPatientIDsSequence] == [*own, "4MR1"]
    (ct,) = got(archive, dcmtk, tmp_path / "got", "1CT1")
    assert (ct.PatientID, ct.PatientName) == ("1CT1", pydicom.dcmread(CT).PatientName)
    assert [item.PatientID for item in ct.OtherPatientIDsSequence] == [*own, "4MR1"]
    (item,) = ct.OriginalAttributesSequence
    assert item.ReasonForTheAttributeModification == "COERCE"
    correct(archive, "unlink", "4MR1", "1CT1")
    (ct,) = got(archive, dcmtk, tmp_path / "unlinked", "1CT1")
    assert [item.PatientID for item in ct.OtherPatientIDsSequence] == own
    assert archive.command("verify").returncode == 0


def test_peers_see_the_patient_that_holds(
    archive: ServedArchive, dcmtk: Dcmtk, tmp_path: Path
) -> None:
    """Beside the running archive; a compressed instance is decoded on its way too."""
    send = ("dcmsend", "-aec", archive.aet, archive.host, archive.port)
    assert dcmtk(*send, CT, MR_IN_RLE).returncode == 0
    correct(archive, "merge", "4MR1", "1CT1")
    correct(archive, "update", "1CT1", "PatientName=Müller^Änne", "PatientSex=F")

    answers = found(archive, dcmtk, tmp_path / "found", "PatientID=1CT1", "PatientName")
    assert [str(answer.PatientName) for answer in answers] == ["Müller^Änne"] * 2
    assert found(archive, dcmtk, tmp_path / "gone", "PatientID=4MR1") == []

    ct, mr = sorted(got(archive, dcmtk, tmp_path / "got", "1CT1"), key=lambda ds: ds.Modality)
    for sent, original in ((ct, pydicom.dcmread(CT)), (mr, pydicom.dcmread(MR_IN_RLE))):
        assert (sent.PatientID, sent.PatientName, sent.PatientSex) == ("1CT1", "Müller^Änne", "F")
        assert not sent.file_meta.TransferSyntaxUID.is_compressed
        assert (sent.pixel_array == original.pixel_array).all()
        (item,) = sent.OriginalAttributesSequence
        (before,) = item.ModifiedAttributesSequence
        assert before.PatientName == original.PatientName
    assert mr.OriginalAttributesSequence[0].ModifiedAttributesSequence[0].PatientID == "4MR1"

    other = pydicom.dcmread(LATER)
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = "2.25.4711"
    other.save_as(tmp_path / "later.dcm")
    assert dcmtk(*send, tmp_path / "later.dcm").returncode == 0
    assert len(got(archive, dcmtk, tmp_path / "again", "1CT1")) == 3
    assert archive.command("verify").returncode == 0
    correct(archive, "unmerge", "4MR1")
    (answer,) = found(archive, dcmtk, tmp_path / "back", "PatientID=4MR1", "PatientName")
    assert answer.PatientName == "CompressedSamples^MR1"
