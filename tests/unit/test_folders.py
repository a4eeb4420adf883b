"""Folders that are made are durable, all the way up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pacs_framework.folders import make_folders, sync_folder
from pacs_framework.testing.faulty_disk import DiskCall, FaultyDisk

STEPS = {"mkdir", "fsync"}


def steps(disk: FaultyDisk) -> list[DiskCall]:
    return [call for call in disk.calls if call.name in STEPS]


def test_each_folder_is_synced_in_the_one_above_before_the_next_is_made(
    pacs_faulty_disk: FaultyDisk, tmp_path: Path
) -> None:
    """Also the entry of the lowest one that was there: who made it may not have come to that."""
    make_folders(tmp_path / "a")
    pacs_faulty_disk.calls.clear()
    make_folders(tmp_path / "a" / "b" / "c")
    assert steps(pacs_faulty_disk) == [
        DiskCall("fsync", tmp_path),
        DiskCall("mkdir", tmp_path / "a" / "b"),
        DiskCall("fsync", tmp_path / "a"),
        DiskCall("mkdir", tmp_path / "a" / "b" / "c"),
        DiskCall("fsync", tmp_path / "a" / "b"),
    ]


def test_what_cannot_be_synced_is_an_error(pacs_faulty_disk: FaultyDisk, tmp_path: Path) -> None:
    pacs_faulty_disk.fail("fsync", 5)
    with pytest.raises(OSError, match="Input/output error"):
        make_folders(tmp_path / "a")
    (tmp_path / "b").mkdir()
    with pytest.raises(OSError, match="Input/output error"):
        make_folders(tmp_path / "b")


def test_a_folder_below_one_that_cannot_be_read_is_taken_as_it_is(
    pacs_faulty_disk: FaultyDisk, tmp_path: Path
) -> None:
    """A home folder of mode 0711, as root has made it; a new folder in it is another matter."""
    (tmp_path / "home" / "mine").mkdir(parents=True)
    pacs_faulty_disk.fail("open", 13, path="home")
    make_folders(tmp_path / "home" / "mine")
    make_folders(tmp_path / "home" / "mine" / "new")
    with pytest.raises(PermissionError):
        make_folders(tmp_path / "home" / "other")


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(FileExistsError):
        make_folders(tmp_path / "a")


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - names alone
    make_folders(tmp_path / "a" / "b")
    sync_folder(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208 - names alone
