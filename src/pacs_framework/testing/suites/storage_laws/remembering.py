"""Laws of storage backends: what is remembered until the index is durable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from pacs_framework.errors import IndexUnavailable
from pacs_framework.storage import StorageBackend, Unsettled
from pacs_framework.testing.objects import SOME, content, get, key_of, keys, put
from pacs_framework.testing.suites.storage_laws.scene import MANY, SIZE, StorageScene, number_of
from pacs_framework.testing.suites.storing import Opener, Storing, Task
from pacs_framework.testing.suites.suite import needs

__all__ = ["Remembering"]

_NOTE = b"from here \x00\xff" * 20


class Remembering(StorageScene, suite=True):
    """Under way, settled, handed over."""

    def test_capabilities_are_declared(self, backend: StorageBackend) -> None:
        """Who remembers objects is held to the laws of it, and nobody else says so."""
        assert backend.remembers(key_of(backend)) == self.remembers, (
            f"declare remembers = {not self.remembers}"
        )

    def test_what_is_remembered_is_under_way_until_it_is_settled(
        self, backend: StorageBackend
    ) -> None:
        """And `settle` makes the index durable before anything is forgotten."""
        key = key_of(backend)
        with backend.begin(key, size=len(SOME), note=b"from here") as writer:
            writer.write(SOME)
            writer.commit()
        remembered = backend.remembers(key)
        assert (key in backend.under_way()) is remembered
        backend.settle(lambda: None)
        assert (key in backend.under_way()) is remembered, "it was not settled yet"
        backend.settled(key)

        def sync() -> None:
            assert (key in backend.under_way()) is remembered, "forgotten before the sync"

        backend.settle(sync)
        assert key not in backend.under_way()

    def test_what_cannot_be_synced_is_not_forgotten(self, backend: StorageBackend) -> None:
        """The index failed: next time, then."""
        key = put(backend, key_of(backend))
        called = False

        def fail() -> None:
            nonlocal called
            called = True
            raise IndexUnavailable("the disk is gone")

        with suppress(IndexUnavailable):
            backend.settle(fail)
        assert (key in backend.under_way()) is (called and backend.remembers(key))
        assert get(backend, key) == SOME

    def test_living_processes_hand_nothing_over(self, backend: StorageBackend) -> None:
        """Another process may start while this one stores."""
        key = put(backend, key_of(backend))
        assert _given_over(backend) == []
        assert get(backend, key) == SOME

    @needs("remembers")
    def test_what_a_killed_process_left_is_handed_over_with_its_note(self, opener: Opener) -> None:
        """Once, all that was told; it stays an object like any other."""
        with Storing(Task(opener=opener, first=1, last=MANY, size=SIZE, note=_NOTE)) as storing:
            told = storing.take(10) + storing.kill()
        with closing(opener()) as backend:
            given_over = _given_over(backend)
            assert set(told) <= {each.key for each in given_over} <= keys(backend)
            assert {each.note for each in given_over} == {_NOTE}
            assert _given_over(backend) == []
            assert get(backend, told[-1]) == content(number_of(backend, told[-1]), SIZE)

    @needs("remembers")
    def test_what_was_settled_is_not_handed_over_after_all(self, opener: Opener) -> None:
        """What was settled before the kill may come again; what was not must."""
        task = Task(opener=opener, first=1, last=MANY, size=SIZE, settled=5)
        with Storing(task) as storing:
            told = storing.take(10) + storing.kill()
        with closing(opener()) as backend:
            found = {each.key for each in _given_over(backend)}
            assert set(told[5:]) <= found
            assert not found & set(told[:5])

    @needs("remembers")
    def test_what_is_not_taken_comes_again(self, opener: Opener) -> None:
        """An exception of the taker passes through, and nothing is forgotten."""
        with Storing(Task(opener=opener, first=1, last=5, size=SIZE)) as storing:
            told = storing.take(5)
            storing.kill()

        def refuse(unsettled: Iterator[Unsettled]) -> None:
            next(unsettled)
            raise IndexUnavailable("the disk is gone")

        with closing(opener()) as backend, pytest.raises(IndexUnavailable):
            backend.hand_over(refuse)
        with closing(opener()) as backend:
            assert {each.key for each in _given_over(backend)} == set(told)


def _given_over(backend: StorageBackend) -> list[Unsettled]:
    found: list[Unsettled] = []
    backend.hand_over(found.extend)
    return found
