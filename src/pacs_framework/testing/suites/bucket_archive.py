"""The laws of a whole archive whose objects are in a bucket, with DCMTK's programs as its peers.

Give the fixtures ``place`` (`BucketPlace`) and ``proxy`` (`pacs_framework.testing.faulty_http`).
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pydicom
import pytest

from pacs_framework.testing.faulty_http import Proxy
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.testing.suites.bucket_place import BucketPlace
from pacs_framework.testing.suites.suite import Suite

__all__ = ["ArchiveSuite"]

_STUDY = "1.2.826.0.1.3680043.10.543.6"
_COUNT = 4
_LARGE_ROWS = 2400  # 2400 × 2400 pixels of two bytes: 11 MB, so two parts


class ArchiveSuite(Suite, suite=True):
    """Stored, fetched, verified, killed, and after the loss of its machine indexed anew."""

    @pytest.mark.interop
    def test_an_archive_lives_in_a_bucket(self, place: BucketPlace, tmp_path: Path) -> None:
        """Here with encryption; the other laws do without."""
        key_file = tmp_path / "key"
        key_file.write_text("5e" * 32)
        config = place.toml(key_file=key_file)
        made = _make_files(tmp_path / "files")
        with served(tmp_path / "one", config=config) as archive:
            done = _send(archive, tmp_path / "files")
            assert done.returncode == 0, done.stderr
            assert _wrong(archive) == ""
            same = _fetch(archive, tmp_path / "fetched") == made
            assert same
        with served(tmp_path / "other", config=config) as archive:
            assert archive.stop() == 0
            done = archive.command("reindex")
            assert done.returncode == 0, done.stderr
        with served(tmp_path / "other", config=config) as archive:
            assert _wrong(archive) == ""
            same = _fetch(archive, tmp_path / "again") == made
            assert same

    @pytest.mark.interop
    def test_while_the_store_is_away_senders_get_a700_and_the_log_its_cause(
        self, place: BucketPlace, proxy: Proxy, tmp_path: Path
    ) -> None:
        """And when it is back, the archive goes on without being started again."""
        made = _make_files(tmp_path / "files")
        config = place.toml(endpoint=proxy.endpoint, budget=1.5)
        with served(tmp_path / "archive", config=config) as archive:
            proxy.always = proxy.refuse(503)
            done = _dcmtk(
                *("storescu", "-d", "-aec", archive.aet, archive.host, archive.port),
                tmp_path / "files" / "1.dcm",
            )
            assert "0xa700" in (done.stdout + done.stderr).lower()
            assert "cannot keep an object: the store answered SlowDown" in archive.log_text()
            proxy.always = None
            done = _send(archive, tmp_path / "files")
            assert done.returncode == 0, done.stderr
            assert _wrong(archive) == ""
            same = _fetch(archive, tmp_path / "fetched") == made
            assert same

    @pytest.mark.crash
    def test_what_was_acknowledged_before_a_kill_is_there_after_it(
        self, place: BucketPlace, tmp_path: Path
    ) -> None:
        """Nothing of it is lost, and nothing else is found."""
        made = _make_files(tmp_path / "files")
        config = place.toml()
        with served(tmp_path / "archive", config=config) as archive:
            assert _send(archive, tmp_path / "files").returncode == 0
            archive.kill()
        with served(tmp_path / "archive", config=config) as archive:
            assert _wrong(archive) == ""
            assert len(list(place.open().list())) == len(made)


def _dcmtk(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"DCMTK's {program} is not installed")
    command = [found, *map(str, arguments)]
    return subprocess.run(  # noqa: S603 - a program of the tests' own choice
        command, capture_output=True, text=True, check=False, timeout=60
    )


def _make_files(folder: Path) -> dict[str, bytes]:
    """Some instances of one study, one of them large: files, and their pixels by UID."""
    folder.mkdir()
    made = {}
    for number in range(1, _COUNT + 1):
        instance = make_instance(StudyInstanceUID=_STUDY, SeriesInstanceUID=f"{_STUDY}.1")
        if number == _COUNT:
            instance.Rows = instance.Columns = _LARGE_ROWS
            instance.PixelData = bytes(range(256)) * (_LARGE_ROWS * _LARGE_ROWS * 2 // 256)
        instance.save_as(folder / f"{number}.dcm", enforce_file_format=True)
        made[str(instance.SOPInstanceUID)] = instance.PixelData
    return made


def _send(archive: ServedArchive, folder: Path) -> subprocess.CompletedProcess[str]:
    return _dcmtk(
        "storescu", "-aec", archive.aet, "+sd", archive.host, archive.port, folder, "-to", 30
    )


def _fetch(archive: ServedArchive, folder: Path) -> dict[str, bytes]:
    """Everything of the study, by C-GET."""
    folder.mkdir()
    done = _dcmtk(
        *("getscu", "-aec", archive.aet, "-S", "-od", folder),
        *("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={_STUDY}"),
        *(archive.host, archive.port),
    )
    assert done.returncode == 0, done.stderr
    found = [pydicom.dcmread(path) for path in folder.iterdir()]
    return {str(each.SOPInstanceUID): each.PixelData for each in found}


def _wrong(archive: ServedArchive) -> str:
    """What `pacs verify` finds; empty where all is well."""
    done = archive.command("verify")
    return "" if done.returncode == 0 else done.stdout + done.stderr
