"""``pacs non-patient``: files in and out, lists, deletions; beside nothing but the data folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydicom import dcmread
from pydicom.uid import CTImageStorage

from pacs_framework.cli.main import main
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.testing.instances import make_instance


@pytest.fixture
def pacs(tmp_path: Path):
    """Runs the command on one archive."""

    def run(command: str, *arguments: object):
        words = ["non-patient", command, "--data", tmp_path / "data", *arguments]
        return CliRunner().invoke(main, list(map(str, words)))

    return run


def data_set(path: Path) -> bytes:
    data = path.read_bytes()
    return data[read_prefix(data).dataset_offset :]


def test_palettes_of_the_standard_go_in_and_come_out(pacs, palette_files, tmp_path):
    """All eight, a folder at once; each is written out as it came."""
    folder = tmp_path / "palettes" / "deeper"
    folder.mkdir(parents=True)
    for path in palette_files:
        shutil.copy(path, folder)
    done = pacs("import", folder.parent, "--json")
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.output)) == len(palette_files) == 8
    rows = json.loads(pacs("list", "--category", "color-palettes", "--json").output)
    assert {row["name"] for row in rows} >= {"HOT_IRON", "PET"}
    for path in palette_files:
        uid = str(dcmread(path).SOPInstanceUID)
        out = tmp_path / f"{uid}.dcm"
        assert pacs("export", uid, "-o", out).exit_code == 0
        assert data_set(out) == data_set(path)
    assert json.loads(pacs("list", "--category", "hanging-protocols", "--json").output) == []


def test_a_table_names_what_is_there(pacs, palette_files):
    pacs("import", palette_files[0])
    done = pacs("list")
    assert "Color Palette" in done.output
    assert "SOP INSTANCE UID" in done.output


def test_the_same_again_is_taken_and_other_content_is_told(pacs, palette_files, tmp_path):
    pacs("import", palette_files[0])
    assert pacs("import", palette_files[0]).exit_code == 0
    changed = dcmread(palette_files[0])
    changed.ContentLabel = "OTHER"
    changed.save_as(tmp_path / "other.dcm")
    done = pacs("import", tmp_path / "other.dcm", "--json")
    assert done.exit_code == 0
    assert json.loads(done.output)[0]["comment"].startswith("other content under this UID")


def test_files_that_are_not_taken_are_told_with_reasons(pacs, palette_files, tmp_path):
    patient = make_instance(SOPClassUID=CTImageStorage)
    patient.save_as(tmp_path / "ct.dcm", enforce_file_format=True)
    (tmp_path / "notes.txt").write_text("no DICOM at all", "utf-8")
    done = pacs("import", tmp_path / "ct.dcm", tmp_path / "notes.txt", palette_files[0], "--json")
    assert done.exit_code == 1
    errors = [each["error"] for each in json.loads(done.output)]
    assert "instances of patients are stored with their studies" in errors[0]
    assert "no DICOM file" in errors[1]
    assert errors[2] == ""
    assert pacs("import", tmp_path / "ct.dcm").exit_code == 1


def test_what_is_deleted_is_gone(pacs, palette_files):
    pacs("import", palette_files[0])
    uid = str(dcmread(palette_files[0]).SOPInstanceUID)
    done = pacs("delete", uid, "1.2.3", "--json")
    assert done.exit_code == 1
    assert json.loads(done.output) == {"deleted": [uid], "missing": ["1.2.3"]}
    done = pacs("delete", uid)
    assert done.exit_code == 1
    assert "0 deleted" in done.output
    assert json.loads(pacs("list", "--json").output) == []


def test_an_export_says_what_it_cannot(pacs, palette_files, tmp_path):
    pacs("import", palette_files[0])
    uid = str(dcmread(palette_files[0]).SOPInstanceUID)
    assert pacs("export", "1.2.3", "-o", tmp_path / "x.dcm").exit_code != 0
    assert pacs("export", uid, "-o", tmp_path / "x.dcm").exit_code == 0
    done = pacs("export", uid, "-o", tmp_path / "x.dcm")
    assert done.exit_code == 1
    assert "--overwrite" in done.output
    assert pacs("export", uid, "-o", tmp_path / "x.dcm", "--overwrite").exit_code == 0
