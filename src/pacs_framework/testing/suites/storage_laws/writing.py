"""Laws of storage backends: what is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacs_framework.errors import ObjectNotFound, OutOfResources
from pacs_framework.storage import NewObject, StorageBackend
from pacs_framework.testing.objects import SOME, content, get, key_of, keys, put_new, put_received
from pacs_framework.testing.suites.storage_laws.scene import LARGE, StorageScene
from pacs_framework.testing.suites.suite import needs

__all__ = ["Writing"]

_FAR_TOO_MUCH = 1 << 50


class Writing(StorageScene, suite=True):
    """Pieces, commits, aborts, whole files, and room."""

    def test_a_committed_object_comes_back_byte_for_byte(self, backend: StorageBackend) -> None:
        """Written in pieces of any kind, read whole."""
        key = key_of(backend, size=10)
        with backend.begin(key) as writer:
            for piece in (b"abc", bytearray(b"defg"), memoryview(b"hij"), b""):
                writer.write(piece)
            writer.commit()
        assert get(backend, key) == b"abcdefghij"

    @pytest.mark.parametrize("size", [1, 4095, 4096, 4097, LARGE])
    def test_objects_of_any_size_are_kept(self, backend: StorageBackend, size: int) -> None:
        """Around the sizes where a backend may change its ways."""
        data = content(1, size)
        assert get(backend, put_new(backend, data)) == data

    def test_what_was_written_is_not_kept_by_reference(self, backend: StorageBackend) -> None:
        """The caller may use its buffer again."""
        key = key_of(backend, size=5)
        buffer = bytearray(b"first")
        with backend.begin(key) as writer:
            writer.write(buffer)
            buffer[:] = b"other"
            writer.commit()
        assert get(backend, key) == b"first"

    def test_nobody_sees_an_object_before_its_commit(self, backend: StorageBackend) -> None:
        """Neither by its key nor in the list."""
        key = key_of(backend)
        with backend.begin(key) as writer:
            writer.write(SOME)
            assert keys(backend) == set()
            with pytest.raises(ObjectNotFound):
                backend.open(key)
            writer.commit()
        assert keys(backend) == {key}

    @pytest.mark.parametrize("end", ["abort", "leave", "raise"])
    def test_without_commit_nothing_stays(self, backend: StorageBackend, end: str) -> None:
        """By `abort`, by leaving the block, and by an exception in it."""
        key = key_of(backend)
        try:
            with backend.begin(key) as writer:
                writer.write(SOME)
                if end == "abort":
                    writer.abort()
                    writer.abort()
                elif end == "raise":
                    raise KeyError(end)  # noqa: TRY301 - any exception ends the block
        except KeyError:
            pass
        assert keys(backend) == set()
        assert backend.recover() == 0

    def test_abort_after_commit_is_harmless(self, backend: StorageBackend) -> None:
        """So ``with`` needs no condition."""
        key = key_of(backend)
        writer = backend.begin(key)
        writer.write(SOME)
        writer.commit()
        writer.abort()
        assert get(backend, key) == SOME

    @pytest.mark.parametrize("size", [1, 4097, LARGE])
    def test_bytes_in_memory_are_committed_whole(self, backend: StorageBackend, size: int) -> None:
        """By `put_bytes`; the next instance comes into the same memory."""
        data = content(1, size)
        assert get(backend, put_received(backend, data)) == data

    def test_objects_put_together_are_all_committed(self, backend: StorageBackend) -> None:
        """Small and large ones; nothing is kept by reference."""
        sizes = (1, 4096, LARGE, 300)
        memory = [bytearray(content(number, size)) for number, size in enumerate(sizes, 1)]
        objects = [
            NewObject(key_of(backend, number, size=len(data)), memoryview(data))
            for number, data in enumerate(memory, 1)
        ]
        backend.put_together(objects)
        for data in memory:
            data[:] = bytes(len(data))
        for number, each in enumerate(objects, 1):
            assert get(backend, each.key) == content(number, len(each.data))
            backend.settled(each.key)
        backend.put_together([])

    def test_a_file_is_committed_whole(self, backend: StorageBackend, tmp_path: Path) -> None:
        """By `put_file`, which may take the file away."""
        path = tmp_path / "staged"
        path.write_bytes(SOME * 500)
        key = key_of(backend, size=len(SOME) * 500)
        backend.put_file(key, path)
        assert get(backend, key) == SOME * 500

    def test_a_backend_measures_its_room(self, backend: StorageBackend) -> None:
        """A number of bytes, or None without a limit."""
        free = backend.free_space()
        assert free is None or free > 0

    @needs("measures_room")
    def test_an_object_without_room_is_refused_before_a_byte_of_it_came(
        self, backend: StorageBackend
    ) -> None:
        """By `begin`, and nothing of it stays."""
        free = backend.free_space()
        assert free is not None, "without a limit nothing is measured"
        size = free + _FAR_TOO_MUCH
        with pytest.raises(OutOfResources):
            backend.begin(key_of(backend, size=size), size=size)
        assert keys(backend) == set()
        assert backend.recover() == 0
