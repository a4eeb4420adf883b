"""A disk that fails where it is told to, and nowhere else."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pacs_framework.testing.faulty_disk import DiskCall, FaultyDisk


def test_a_call_fails_after_so_many_and_then_so_often(
    pacs_faulty_disk: FaultyDisk, tmp_path: Path
) -> None:
    pacs_faulty_disk.fail("mkdir", errno.ENOSPC, after=1, times=2)
    (tmp_path / "a").mkdir()
    for _ in range(2):
        with pytest.raises(OSError, match="No space left") as caught:
            (tmp_path / "b").mkdir()
        assert caught.value.errno == errno.ENOSPC
    (tmp_path / "b").mkdir()


def test_only_paths_that_match_fail(pacs_faulty_disk: FaultyDisk, tmp_path: Path) -> None:
    pacs_faulty_disk.fail("open", errno.EIO, path="*.dcm", creating=True)
    os.close(os.open(tmp_path / "x.txt", os.O_CREAT | os.O_WRONLY))
    with pytest.raises(OSError, match="Input/output error"):
        os.open(tmp_path / "x.dcm", os.O_CREAT | os.O_WRONLY)
    with pytest.raises(FileNotFoundError):
        os.open(tmp_path / "x.dcm", os.O_RDONLY)
    pacs_faulty_disk.heal()
    os.close(os.open(tmp_path / "x.dcm", os.O_CREAT | os.O_WRONLY))


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_syncing_fails_for_files_or_for_folders(
    pacs_faulty_disk: FaultyDisk, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "file").touch()
    pacs_faulty_disk.fail("fsync", errno.EIO, kind=kind)
    for path, of in ((tmp_path, "folder"), (tmp_path / "file", "file")):
        handle = os.open(path, os.O_RDONLY)
        try:
            if of == kind:
                with pytest.raises(OSError, match="Input/output error"):
                    os.fsync(handle)
            else:
                os.fsync(handle)
        finally:
            os.close(handle)


@pytest.mark.parametrize("number", [0, errno.EIO])
def test_a_write_is_short_or_torn(
    pacs_faulty_disk: FaultyDisk, tmp_path: Path, number: int
) -> None:
    """Short: the result says so. Torn: it raises, and the bytes are there all the same."""
    pacs_faulty_disk.tear("write", 3, number, times=1)
    pacs_faulty_disk.tear("pwritev", 5, number)
    handle = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
    try:
        for write, kept in (
            (lambda: os.write(handle, b"abcdef"), 3),
            (lambda: os.pwritev(handle, [b"abc", b"def", b"ghi"], 0), 5),
        ):
            if number:
                with pytest.raises(OSError, match="Input/output error"):
                    write()
            else:
                assert write() == kept
            assert os.fstat(handle).st_size == kept
        assert os.write(handle, b"ghi") == 3
    finally:
        os.close(handle)


def test_nothing_fails_elsewhere_and_calls_below_the_folder_are_told(
    pacs_faulty_disk: FaultyDisk, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A renaming is about where it goes to, also relative to an open folder."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    pacs_faulty_disk.fail("mkdir", errno.EIO)
    (elsewhere / "x").mkdir()
    assert pacs_faulty_disk.calls == []
    (elsewhere / "file").touch()
    folder = os.open(tmp_path, os.O_RDONLY)
    os.rename(elsewhere / "file", "here", dst_dir_fd=folder)
    os.close(folder)
    assert pacs_faulty_disk.calls[-1] == DiskCall("rename", tmp_path / "here")
    assert pacs_faulty_disk.names("rename", "open") == ["open folder", "rename file"]


def test_what_is_not_watched_is_refused(pacs_faulty_disk: FaultyDisk) -> None:
    """A fault that could never happen would make a test that cannot fail."""
    with pytest.raises(ValueError, match=r"os\.sync is not watched"):
        pacs_faulty_disk.fail("sync", errno.EIO)
    with pytest.raises(ValueError, match=r"os\.fsync writes nothing"):
        pacs_faulty_disk.tear("fsync", 3)
