"""DCMTK stores, asks and retrieves while somebody deletes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pydicom
import pytest

from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive

pytestmark = pytest.mark.interop

Dcmtk = Callable[..., subprocess.CompletedProcess[str]]
STUDIES = 4
COUNT = 12  # instances of each


def study(number: int) -> str:
    return f"1.2.826.0.1.3680043.10.543.{number}"


def files_of(folder: Path, number: int) -> Path:
    target = folder / str(number)
    target.mkdir()
    for each in range(COUNT):
        made = make_instance(
            PatientID=f"P{number}",
            StudyInstanceUID=study(number),
            SeriesInstanceUID=f"{study(number)}.1",
            SOPInstanceUID=f"{study(number)}.1.{each}",
        )
        made.save_as(target / f"{each}.dcm", enforce_file_format=True)
    return target


def found(archive: ServedArchive, dcmtk: Dcmtk) -> list[str]:
    """Study Instance UIDs that findscu is told."""
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID")
    done = dcmtk("findscu", "-S", *keys, "-aec", archive.aet, archive.host, archive.port)
    assert done.returncode == 0, done.stderr
    return [n for n in map(study, range(1, STUDIES + 1)) if n in done.stdout + done.stderr]


def test_storescu_findscu_and_getscu_beside_deletions(
    archive: ServedArchive, dcmtk: Dcmtk, tmp_path: Path
) -> None:
    """Every association ends as it should, and what comes back is whole."""
    folders = {number: files_of(tmp_path, number) for number in range(1, STUDIES + 1)}
    where = ("-aec", archive.aet, archive.host, archive.port)

    def store(number: int) -> int:
        return dcmtk("storescu", "+sd", *where, folders[number]).returncode

    def delete(number: int) -> int:
        named = ("--study", study(number), "--yes", "--reason", "test")
        return archive.command("delete", *named).returncode

    def get(number: int) -> list[Path]:
        out = tmp_path / f"got-{number}"
        out.mkdir()
        keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study(number)}")
        done = dcmtk("getscu", "-S", *keys, "-od", out, *where)
        assert "abort" not in done.stderr.lower(), done.stderr
        return sorted(out.iterdir())

    assert [store(number) for number in (1, 2, 3)] == [0, 0, 0]
    with ThreadPoolExecutor() as threads:
        tasks = [
            threads.submit(get, 1),
            threads.submit(delete, 1),
            threads.submit(get, 3),
            threads.submit(store, 4),
            threads.submit(delete, 2),
        ]
        some, deleted, all_of_it, stored, also_deleted = (task.result() for task in tasks)
    assert (stored, deleted, also_deleted, len(all_of_it)) == (0, 0, 0, COUNT)
    for file in [*some, *all_of_it]:
        came = pydicom.dcmread(file)
        number = came.SOPInstanceUID.rpartition(".")[2]
        sent = pydicom.dcmread(folders[int(came.PatientID[1:])] / f"{number}.dcm")
        assert came == sent
    assert found(archive, dcmtk) == [study(3), study(4)]
    assert get(2) == []
    assert archive.command("verify").returncode == 0
