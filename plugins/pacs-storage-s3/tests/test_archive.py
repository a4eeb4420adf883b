"""A whole archive whose objects are in a bucket, with DCMTK's programs as its peers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pydicom
import pytest

from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served

STUDY = "1.2.826.0.1.3680043.10.543.6"
COUNT = 4
LARGE_ROWS = 2400  # 2400 × 2400 pixels of two bytes: 11 MB, so two parts


def dcmtk(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"DCMTK's {program} is not installed")
    command = [found, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def make_files(folder: Path) -> dict[str, bytes]:
    """Some instances of one study, one of them large: files, and their pixels by UID."""
    folder.mkdir()
    made = {}
    for number in range(1, COUNT + 1):
        instance = make_instance(StudyInstanceUID=STUDY, SeriesInstanceUID=f"{STUDY}.1")
        if number == COUNT:
            instance.Rows = instance.Columns = LARGE_ROWS
            instance.PixelData = bytes(range(256)) * (LARGE_ROWS * LARGE_ROWS * 2 // 256)
        instance.save_as(folder / f"{number}.dcm", enforce_file_format=True)
        made[str(instance.SOPInstanceUID)] = instance.PixelData
    return made


def send(archive: ServedArchive, folder: Path) -> subprocess.CompletedProcess[str]:
    return dcmtk(
        "storescu", "-aec", archive.aet, "+sd", archive.host, archive.port, folder, "-to", 30
    )


def fetch(archive: ServedArchive, folder: Path) -> dict[str, bytes]:
    """Everything of the study, by C-GET."""
    folder.mkdir()
    done = dcmtk(
        *("getscu", "-aec", archive.aet, "-S", "-od", folder),
        *("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={STUDY}"),
        *(archive.host, archive.port),
    )
    assert done.returncode == 0, done.stderr
    found = [pydicom.dcmread(path) for path in folder.iterdir()]
    return {str(each.SOPInstanceUID): each.PixelData for each in found}


def wrong(archive: ServedArchive) -> str:
    """What `pacs verify` finds; empty where all is well."""
    done = archive.command("verify")
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.interop
def test_an_archive_lives_in_a_bucket(place, tmp_path: Path) -> None:
    """Stored and fetched by DCMTK, verified, and after the loss of its machine indexed anew.

    Here with encryption; the tests below do without.
    """
    key_file = tmp_path / "key"
    key_file.write_text("5e" * 32)
    config = place.toml(key_file=key_file)
    made = make_files(tmp_path / "files")
    with served(tmp_path / "one", config=config) as archive:
        done = send(archive, tmp_path / "files")
        assert done.returncode == 0, done.stderr
        assert wrong(archive) == ""
        same = fetch(archive, tmp_path / "fetched") == made
        assert same
    with served(tmp_path / "other", config=config) as archive:
        assert archive.stop() == 0
        done = archive.command("reindex")
        assert done.returncode == 0, done.stderr
    with served(tmp_path / "other", config=config) as archive:
        assert wrong(archive) == ""
        same = fetch(archive, tmp_path / "again") == made
        assert same


@pytest.mark.interop
def test_while_the_store_is_away_senders_get_a700_and_the_log_its_cause(
    place, proxy, tmp_path: Path
) -> None:
    """And when it is back, the archive goes on without being started again."""
    made = make_files(tmp_path / "files")
    config = place.toml(endpoint=proxy.endpoint, budget=1.5)
    with served(tmp_path / "archive", config=config) as archive:
        proxy.always = proxy.refuse(503)
        done = dcmtk(
            *("storescu", "-d", "-aec", archive.aet, archive.host, archive.port),
            tmp_path / "files" / "1.dcm",
        )
        assert "0xa700" in (done.stdout + done.stderr).lower()
        assert "cannot keep an object: the store answered SlowDown" in archive.log_text()
        proxy.always = None
        done = send(archive, tmp_path / "files")
        assert done.returncode == 0, done.stderr
        assert wrong(archive) == ""
        same = fetch(archive, tmp_path / "fetched") == made
        assert same


@pytest.mark.crash
def test_what_was_acknowledged_before_a_kill_is_there_after_it(place, tmp_path: Path) -> None:
    """Nothing of it is lost, and nothing else is found."""
    made = make_files(tmp_path / "files")
    config = place.toml()
    with served(tmp_path / "archive", config=config) as archive:
        assert send(archive, tmp_path / "files").returncode == 0
        archive.kill()
    with served(tmp_path / "archive", config=config) as archive:
        assert wrong(archive) == ""
        assert len(list(place.open().list())) == len(made)
