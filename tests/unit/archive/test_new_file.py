"""A new file holds what was written, whichever way its file system takes it."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs_framework.archive.new_file import NewFile

PAGE = mmap.PAGESIZE
LONG = 1 << 16
CONTENT = mmap.mmap(-1, 1 << 20)
CONTENT[:] = os.urandom(1 << 20)


def aligned(size: int, shift: int = 0) -> memoryview:
    """Bytes that begin ``shift`` bytes behind the start of a page."""
    return memoryview(CONTENT)[shift : shift + size]


def write(path: Path, *pieces: memoryview) -> bytes:
    """Write a file, and read it."""
    file = NewFile(path)
    try:
        for piece in pieces:
            file.write(piece)
    finally:
        os.close(file.handle)
    return path.read_bytes()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, int]]:
    """Of each write: whether it went around the page cache, and its length."""
    calls: list[tuple[bool, int]] = []
    real = os.write

    def tell(handle: int, data: memoryview) -> int:
        calls.append((bool(fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_DIRECT), len(data)))
        return real(handle, data)

    monkeypatch.setattr(os, "write", tell)
    return calls


def needs_direct(folder: Path) -> None:
    handle = os.open(folder / "probe", os.O_WRONLY | os.O_CREAT)
    try:
        fcntl.fcntl(handle, fcntl.F_SETFL, os.O_DIRECT)
    except OSError as error:
        pytest.skip(f"the file system of {folder} knows no O_DIRECT: {error.strerror}")
    finally:
        os.close(handle)


def test_whole_pages_go_around_the_page_cache_and_the_rest_through_it(
    tmp_path: Path, told: list[tuple[bool, int]]
) -> None:
    needs_direct(tmp_path)
    pieces = [aligned(2 * LONG), aligned(LONG + 7)]
    assert write(tmp_path / "x", *pieces) == b"".join(pieces)
    assert told == [(True, 2 * LONG), (True, LONG), (False, 7)]


def test_short_files_go_through_the_page_cache(
    tmp_path: Path, told: list[tuple[bool, int]]
) -> None:
    """It costs no more there."""
    assert write(tmp_path / "x", aligned(LONG - 1)) == aligned(LONG - 1)
    assert told == [(False, LONG - 1)]


def test_what_follows_a_broken_page_goes_through_the_page_cache(
    tmp_path: Path, told: list[tuple[bool, int]]
) -> None:
    pieces = [aligned(10), aligned(LONG)]
    assert write(tmp_path / "x", *pieces) == b"".join(pieces)
    assert told == [(False, 10), (False, LONG)]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 40 * PAGE) | st.integers(0, 40).map(lambda n: n * PAGE),
            st.integers(0, 600) | st.just(0),
        ),
        max_size=5,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_a_file_holds_what_was_written_however_it_lies_in_memory(
    tmp_path: Path, pieces: list[tuple[int, int]]
) -> None:
    """Memory that is not at the start of a page, which a device may refuse, included."""
    path = tmp_path / "x"
    views = [aligned(size, shift) for size, shift in pieces]
    assert write(path, *views) == b"".join(views)
    path.unlink()


def refusing_to_switch(number: int) -> Callable[..., int]:
    real = fcntl.fcntl

    def refuse(handle: int, command: int, argument: int = 0) -> int:
        if command == fcntl.F_SETFL and argument & os.O_DIRECT:
            raise OSError(number, os.strerror(number))
        return real(handle, command, argument)

    return refuse


def refusing_to_write(number: int, whole: int) -> Callable[[int, memoryview], int]:
    """As a file system that takes ``whole`` bytes of a direct write and then no more."""
    real, left = os.write, [whole]

    def refuse(handle: int, data: memoryview) -> int:
        if not fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_DIRECT:
            return real(handle, data)
        if not left[0]:
            raise OSError(number, os.strerror(number))
        written = real(handle, data[: left[0]])
        left[0] -= written
        return written

    return refuse


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
@pytest.mark.parametrize("step", ["switch", "first write", "second write"])
def test_where_o_direct_is_refused_the_page_cache_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    """When it is asked for, or only when it is used, which network file systems do."""
    if step == "switch":
        monkeypatch.setattr(fcntl, "fcntl", refusing_to_switch(number))
    else:
        whole = 0 if step == "first write" else PAGE
        monkeypatch.setattr(os, "write", refusing_to_write(number, whole))
    pieces = [aligned(LONG), aligned(LONG), aligned(LONG + 3)]
    assert write(tmp_path / "x", *pieces) == b"".join(pieces)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_disk_that_fails_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Only a refusal of O_DIRECT is one."""
    needs_direct(tmp_path)
    monkeypatch.setattr(os, "write", refusing_to_write(number, PAGE))
    with pytest.raises(OSError) as caught:
        write(tmp_path / "x", aligned(LONG))
    assert caught.value.errno == number


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        NewFile(tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"old"
