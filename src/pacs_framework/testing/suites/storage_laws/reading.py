"""Laws of storage backends: what is read."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs_framework.errors import ObjectNotFound
from pacs_framework.storage import ObjectRange, StorageBackend
from pacs_framework.testing.objects import content, key_of, put_new
from pacs_framework.testing.suites.storage_laws.scene import LARGE, SIZE, StorageScene

__all__ = ["Reading"]


class Reading(StorageScene, suite=True):
    """Whole, and any range in any pieces."""

    def test_ranges_are_cut_at_both_ends(self, backend: StorageBackend) -> None:
        """From ``offset``, ``length`` bytes, and never beyond the end."""
        data = bytes(range(200))
        key = put_new(backend, data)
        cases: list[tuple[int, int | None]] = [
            (0, None),
            (50, None),
            (50, 20),
            (0, 0),
            (190, 50),
            (200, 10),
        ]
        for offset, length in cases:
            end = None if length is None else offset + length
            with backend.open(key, offset=offset, length=length) as source:
                assert source.read() == data[offset:end], (offset, length)
                assert source.read() == b""

    def test_any_range_is_read_in_any_pieces(self, backend: StorageBackend) -> None:
        """Of a small object and of a large one, by `read` and `readinto` in turn."""
        stored = [(put_new(backend, d, n), d) for n, d in enumerate(_small_and_large(), 1)]

        @settings(
            max_examples=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            database=None,
        )
        @given(
            which=st.sampled_from(range(len(stored))),
            offset=st.integers(0, SIZE + 10),
            length=st.none() | st.integers(0, 2 * SIZE),
            piece=st.integers(40, SIZE),
        )
        def check(which: int, offset: int, length: int | None, piece: int) -> None:
            key, data = stored[which]
            end = None if length is None else offset + length
            found = bytearray()
            buffer = bytearray(piece)
            with backend.open(key, offset=offset, length=length) as source:
                while got := source.readinto(memoryview(buffer)):
                    found += buffer[:got]
                    found += source.read(piece)
            # Not in the assertion: to tell the difference of two long values takes minutes.
            same = bytes(found) == data[offset:end]
            assert same, f"{len(found)} bytes, of which some differ or are missing"

        check()

    def test_readinto_fills_buffers_to_the_end(self, backend: StorageBackend) -> None:
        """0 at the end of the range, and the buffer beyond is not touched."""
        data = bytes(range(200))
        key = put_new(backend, data)
        with backend.open(key, offset=10, length=100) as source:
            found = bytearray()
            buffer = bytearray(64)
            while got := source.readinto(memoryview(buffer)):
                found += buffer[:got]
        assert bytes(found) == data[10:110]

    def test_many_ranges_are_read_in_their_order(self, backend: StorageBackend) -> None:
        """Cut at the end of their objects, None where one is missing, expected before or not."""
        data = [bytes([n]) * 5000 + bytes(range(100)) for n in range(5)]
        kept = [put_new(backend, each, n) for n, each in enumerate(data, 1)]
        gone = put_new(backend, data[0], len(data) + 1)
        backend.delete(gone)
        cases = [(4990, 40), (0, 10), (5090, 50), (5100, 10), (0, 0)]
        wanted: list[ObjectRange] = []
        found: list[bytes | None] = []
        for (key, each), (offset, length) in zip(zip(kept, data, strict=True), cases, strict=True):
            wanted += [ObjectRange(key, offset, length), ObjectRange(gone, offset, length)]
            found += [each[offset : offset + length], None]
        assert list(backend.read_each(wanted)) == found
        backend.expect([*wanted, ObjectRange(key_of(backend, len(data) + 2), 0, 10)])
        assert list(backend.read_each(wanted[::-1])) == found[::-1]

    def test_a_missing_object_cannot_be_read(self, backend: StorageBackend) -> None:
        """`open` and `stat` say so."""
        key = key_of(backend)
        with pytest.raises(ObjectNotFound):
            backend.open(key)
        with pytest.raises(ObjectNotFound):
            backend.stat(key)


def _small_and_large() -> list[bytes]:
    return [content(1, SIZE), content(2, LARGE)]
