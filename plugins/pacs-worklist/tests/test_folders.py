"""Folders of worklist files: whose they are, how they are read, and when again."""

from __future__ import annotations

import fcntl
import json
import threading
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from structlog.testing import capture_logs

from pacs_worklist.folders import FolderSource
from pacs_worklist.items import ItemError
from pacs_worklist.reading import read_items


def write(path, dataset: Dataset) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json":
        path.write_text(json.dumps([dataset.to_json_dict()]), "utf-8")
    else:
        dataset.save_as(path, implicit_vr=True, little_endian=True)


def accessions(source: FolderSource, aet: str = "PACS") -> list[str]:
    return [str(each.AccessionNumber) for each in source.items(aet)]


@pytest.fixture
def folder(tmp_path, item):
    """A folder with a step for everybody and one for those who call it CLINIC."""
    write(tmp_path / "all.wl", item(AccessionNumber="A1"))
    write(tmp_path / "CLINIC" / "one.json", item(AccessionNumber="A2"))
    return tmp_path


def test_a_subfolder_is_for_the_ae_title_of_its_name(folder):
    source = FolderSource([folder])
    assert accessions(source, "PACS") == ["A1"]
    assert accessions(source, "CLINIC") == ["A1", "A2"]


@pytest.mark.parametrize("aet", ["..", ".", "../other", ""])
def test_an_ae_title_leads_nowhere_else(folder, item, aet):
    write(folder.parent / "outside.wl", item(AccessionNumber="SECRET"))
    write(folder.parent / "other" / "outside.wl", item(AccessionNumber="SECRET"))
    assert accessions(FolderSource([folder]), aet) == ["A1"]


def test_files_that_come_change_and_go_are_seen_at_the_next_query(folder, item):
    source = FolderSource([folder])
    assert accessions(source) == ["A1"]
    write(folder / "new.wl", item(AccessionNumber="A3"))
    assert accessions(source) == ["A1", "A3"]
    write(folder / "new.wl", item(AccessionNumber="A4-changed"))
    assert accessions(source) == ["A1", "A4-changed"]
    (folder / "new.wl").unlink()
    assert accessions(source) == ["A1"]


def test_what_did_not_change_is_not_read_again(folder, monkeypatch):
    source = FolderSource([folder])
    first = source.items("PACS")
    monkeypatch.setattr("pacs_worklist.folders.read_items", None)
    assert source.items("PACS")[0] is first[0]


def test_a_file_that_cannot_be_read_is_passed_over_and_logged_once(folder):
    (folder / "half.wl").write_bytes(b"\x08\x00\x50\x00\xff\xff")
    (folder / "half.json").write_text("[{", "utf-8")
    source = FolderSource([folder])
    with capture_logs() as logs:
        assert accessions(source) == ["A1"]
        assert accessions(source) == ["A1"]
    assert sorted(each["path"].rpartition("/")[2] for each in logs) == ["half.json", "half.wl"]


def test_a_step_that_says_too_little_is_passed_over_as_wlmscpfs_does(folder, item):
    """Half a file may read like a whole one that ends early."""
    whole = item(AccessionNumber="A3")
    del whole.RequestedProcedureID
    write(folder / "half.wl", whole)
    with capture_logs() as logs:
        assert accessions(FolderSource([folder])) == ["A1"]
    assert [each["reason"] for each in logs] == ["no RequestedProcedureID"]


def test_a_folder_that_is_not_there_fails(tmp_path):
    with pytest.raises(FileNotFoundError):
        FolderSource([tmp_path / "nowhere"]).items("PACS")


def test_a_query_waits_while_somebody_writes(folder):
    """As wlmscpfs does, by a lock on `lockfile`."""
    (folder / "lockfile").touch()
    source, found = FolderSource([folder]), []
    with (folder / "lockfile").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        reader = threading.Thread(target=lambda: found.append(accessions(source)))
        reader.start()
        reader.join(0.2)
        assert found == []
    reader.join(30)
    assert found == [["A1"]]


def test_text_is_read_in_the_character_set_of_the_file(tmp_path, item):
    dataset = item(PatientName="Müller^Jörg")
    dataset.SpecificCharacterSet = "ISO_IR 100"
    write(tmp_path / "latin.wl", dataset)
    (read,) = read_items(tmp_path / "latin.wl")
    assert str(read.PatientName) == "Müller^Jörg"
    assert read.SpecificCharacterSet == "ISO_IR 192"


def test_a_file_with_a_header_is_read_too(tmp_path, item):
    dataset = item()
    dataset.ensure_file_meta()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.save_as(tmp_path / "a.wl", enforce_file_format=False)
    assert [each.PatientID for each in read_items(tmp_path / "a.wl")] == ["P1"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b"\xff", "'a.json' is not DICOM JSON"),
        ("a.json", b'{"00100020": {"vr": "LO"}}', "has no ScheduledProcedureStepSequence"),
        ("a.json", b'["text"]', "is not DICOM JSON"),
        ("a.wl", b"", "'a.wl' is not DICOM"),
    ],
)
def test_what_a_file_is_not_is_told(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ItemError, match=message):
        read_items(tmp_path / name)


def test_no_file_stays_open(folder):
    source = FolderSource([folder])
    before = len(list(Path("/proc/self/fd").iterdir()))
    source.items("CLINIC")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
