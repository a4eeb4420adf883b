"""Files that appear when all of them is on disk, or not at all."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pacs_framework.whole_file import check_free, whole_file


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def write(path: Path, then: Callable[[], None], *, overwrite: bool = False) -> None:
    """Some content, and then what the test wants to happen before the block ends."""
    with whole_file(path, overwrite=overwrite) as file:
        file.write(b"new")
        then()


def fail() -> None:
    raise KeyError


def test_a_file_has_its_name_when_the_block_has_ended(tmp_path: Path) -> None:
    """It can be read back before; folders are made."""
    made = tmp_path / "some" / "folder" / "made"
    with whole_file(made) as file:
        file.write(b"content")
        file.seek(0)
        assert file.read() == b"content"
        assert not made.exists()
    assert made.read_bytes() == b"content"
    assert entries(made.parent) == {"made"}


def test_it_is_on_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut in between leaves no empty file under it; and one afterwards leaves the name."""
    steps: list[str] = []
    sync, link = os.fsync, os.link

    def synced(handle: int) -> None:
        steps.append(Path(f"/proc/self/fd/{handle}").readlink().name.partition("-")[0])
        sync(handle)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "link", lambda one, other: steps.append("name") or link(one, other))
    with whole_file(tmp_path / "new" / "folder" / "made") as file:
        file.write(b"content")
    assert steps[-5:] == [tmp_path.name.partition("-")[0], "new", ".writing", "name", "folder"]


def test_a_folder_that_nobody_may_read_takes_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be opened to be synced."""

    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "not for you", str(path))

    monkeypatch.setattr("pacs_framework.whole_file.sync_folder", refuse)
    write(tmp_path / "made", lambda: None)
    assert (tmp_path / "made").read_bytes() == b"new"


def test_a_block_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        write(tmp_path / "made", fail)
    assert entries(tmp_path) == set()


def test_what_is_there_stays_until_the_block_has_ended(tmp_path: Path) -> None:
    """And when it fails."""
    made = tmp_path / "made"
    made.write_bytes(b"precious")
    seen: list[bytes] = []
    with pytest.raises(KeyError):
        write(made, fail, overwrite=True)
    assert made.read_bytes() == b"precious"
    write(made, lambda: seen.append(made.read_bytes()), overwrite=True)
    assert (seen, made.read_bytes()) == ([b"precious"], b"new")
    assert entries(tmp_path) == {"made"}


def test_what_is_there_and_stays_is_told_before_the_block(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.write_bytes(b"precious")
    with pytest.raises(FileExistsError) as caught, whole_file(made):
        pytest.fail("the work was done for nothing")
    assert (caught.value.errno, caught.value.filename) == (errno.EEXIST, str(made))
    assert entries(tmp_path) == {"made"}
    with pytest.raises(FileExistsError):
        check_free(made, overwrite=False)
    check_free(made, overwrite=True)
    check_free(tmp_path / "other", overwrite=False)


@pytest.mark.parametrize("links", [True, False])
def test_what_comes_in_between_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """Also where the file system has no hard links."""
    made = tmp_path / "made"

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(FileExistsError) as caught:
        write(made, made.touch)
    assert caught.value.filename == str(made)
    assert made.read_bytes() == b""
    assert entries(tmp_path) == {"made"}


def test_a_disk_that_is_full_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which may show when the name is given, and no sooner."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(OSError, match="no space left"):
        write(tmp_path / "made", lambda: None)
    assert entries(tmp_path) == set()


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_it_may_be_read_as_any_other_new_file(tmp_path: Path, mask: int) -> None:
    """By whom the process says."""
    before = os.umask(mask)
    try:
        with whole_file(tmp_path / "made"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o666 & ~mask
