"""Bytes on their way in: the same ones come out, from memory or from a file, and none stay."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs_framework.archive import spool as module
from pacs_framework.archive.buffers import Buffers
from pacs_framework.archive.spool import Spool, spool_buffers
from pacs_framework.errors import OutOfResources, StorageError

LIMIT = 2 * mmap.PAGESIZE
MakeSpool = Callable[..., Spool]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeSpool]:
    """Spools with buffers of three pages; closed at the end."""
    made: list[Spool] = []
    numbers = count()
    buffers = Buffers(3 * mmap.PAGESIZE, most=1)

    def spool(prefix: bytes = b"prefix", limit: int = LIMIT, using: Buffers = buffers) -> Spool:
        made.append(
            Spool(
                prefix,
                limit=limit,
                new_path=lambda: tmp_path / str(next(numbers)),
                buffers=using,
            )
        )
        return made[-1]

    yield spool
    for one in made:
        one.close()
    assert list(tmp_path.iterdir()) == []


@given(
    prefix=st.binary(max_size=100) | st.just(b"x" * 5 * mmap.PAGESIZE),
    pieces=st.lists(st.binary(max_size=100) | st.integers(0, 4 * LIMIT).map(os.urandom)),
    limit=st.sampled_from([0, 50, LIMIT]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_what_was_written_comes_out_again(
    make: MakeSpool, prefix: bytes, pieces: list[bytes], limit: int
) -> None:
    """Size and digests too, wherever it is; and it is in memory up to the limit."""
    spool = make(prefix, limit=limit)
    for piece in pieces:
        spool.write(piece)
    data = b"".join(pieces)
    assert spool.size == len(prefix) + len(data)
    assert spool.dataset_size == len(data)
    assert spool.dataset_digest == hashlib.sha256(data).digest()
    assert spool.prefix_digest == hashlib.sha256(prefix).digest()
    if data and spool.size <= limit:
        assert spool.path is None
    if data and spool.size > limit:
        assert spool.path is not None
    with spool.reading() as source:
        assert (source if isinstance(source, memoryview) else source.read()) == data
    if data:
        assert spool.dataset() == data
    spool.finish()
    whole = spool.whole() if spool.path is None else spool.path.read_bytes()
    assert whole == prefix + data
    spool.close()


def test_the_file_is_whole_after_finish_and_may_go_on(make: MakeSpool) -> None:
    spool = make()
    spool.write(b"a" * LIMIT)
    spool.finish()
    assert spool.path is not None
    assert spool.path.read_bytes() == b"prefix" + b"a" * LIMIT
    spool.write(b"b" * LIMIT)
    assert bytes(spool.dataset()) == b"a" * LIMIT + b"b" * LIMIT


def test_what_was_written_is_not_kept_by_reference(make: MakeSpool) -> None:
    spool = make()
    buffer = bytearray(b"first")
    spool.write(buffer)
    buffer[:] = b"other"
    assert bytes(spool.dataset()) == b"first"


def test_the_buffer_goes_to_the_next_spool(make: MakeSpool) -> None:
    """Which does not see what it held."""
    lent: list[mmap.mmap] = []

    class Watched(Buffers):
        def borrow(self) -> mmap.mmap:
            lent.append(super().borrow())
            return lent[-1]

    buffers = Watched(LIMIT, most=1)
    first = make(using=buffers)
    first.write(b"secret")
    first.close()
    second = make(b"", using=buffers)
    second.write(b"s")
    assert lent[0] is lent[1]
    assert bytes(second.whole()) == b"s"


def test_a_closed_spool_gives_nothing_out(make: MakeSpool) -> None:
    """Its buffer may hold another instance by then."""
    spool = make()
    spool.write(b"x")
    spool.close()
    with pytest.raises(StorageError, match="its reception has ended"):
        spool.dataset()


def test_memory_stays_bounded_however_much_is_written(make: MakeSpool) -> None:
    """One buffer for each spool, whatever its limit; the standard ones keep 32 MiB at most."""
    assert spool_buffers(0).size == spool_buffers(1 << 20).size == 1 << 20
    assert spool_buffers(1 << 20)._spare.maxlen == 32
    assert spool_buffers(64 << 20)._spare.maxlen == 1


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, OutOfResources), (errno.EDQUOT, OutOfResources), (errno.EIO, StorageError)],
)
@pytest.mark.parametrize("step", ["open", "write"])
def test_a_disk_that_fails_is_told_and_leaves_nothing(
    make: MakeSpool,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    number: int,
    expected: type[StorageError],
) -> None:
    """Also in the last bytes, which `finish` writes; the fixture looks for what is left."""

    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number), "/secret")

    spool = make()
    with monkeypatch.context() as patched:
        patched.setattr(os, step, fail)
        with pytest.raises(expected, match="cannot stage an instance: ") as caught:
            spool.write(b"x" * (LIMIT + 1)) or spool.finish()
    assert type(caught.value) is expected
    assert "secret" not in str(caught.value)


def test_a_prefix_that_cannot_be_staged_leaves_nothing(
    make: MakeSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no spool then that anyone could close."""

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", fail)
        with pytest.raises(OutOfResources):
            make(b"x" * 5 * mmap.PAGESIZE)


def test_no_memory_is_out_of_resources(make: MakeSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> mmap.mmap:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    with monkeypatch.context() as patched:
        patched.setattr("pacs_framework.archive.buffers.mmap.mmap", fail)
        with pytest.raises(OutOfResources, match="memory"):
            make(using=Buffers(LIMIT, most=0))


def test_a_file_that_is_longer_than_what_may_be_read_ahead_is_mapped_whole(
    make: MakeSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HEADER", LIMIT)
    spool = make()
    data = os.urandom(4 * LIMIT)
    spool.write(data)
    assert bytes(spool.dataset()) == data
