"""What every law of storage backends is tried on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import ClassVar

import pytest

from pacs_framework.storage import StorageBackend
from pacs_framework.testing.suites.storing import Opener
from pacs_framework.testing.suites.suite import Suite

__all__ = ["LARGE", "MANY", "SIZE", "StorageScene", "number_of"]

SIZE = 5000
LARGE = (1 << 20) + 3
MANY = 10_000
"""More objects than a process stores before it is killed."""


class StorageScene(Suite, suite=True):
    """What the laws of storage backends share: what is declared, and the backend."""

    durable: ClassVar[bool] = True
    """Objects outlive the process, and other processes see them. False only for a backend that is
    meant to forget, such as one in memory for tests.
    """

    remembers: ClassVar[bool] = False
    """It remembers objects of a few kilobytes until they are settled, and hands them over after a
    crash (see `pacs_framework.storage`).
    """

    syncs_elsewhere: ClassVar[str] = ""
    """Why nobody can see a sync in this process: a database or another machine does it, and says
    so before `commit` returns. Its tests have to show that in some other way.
    """

    measures_room: ClassVar[bool] = False
    """`free_space` is a number, and `begin` refuses an object of more bytes."""

    @pytest.fixture
    def opener(self) -> Opener:
        """A function that opens the place of this test; it can be pickled."""
        raise NotImplementedError(f"{type(self).__qualname__} needs a fixture 'opener'")

    @pytest.fixture
    def backend(self, opener: Opener) -> Iterator[StorageBackend]:
        """The backend of this test, empty."""
        with closing(opener()) as opened:
            yield opened


def number_of(backend: StorageBackend, key: str) -> int:
    """The number that `key_of` was given."""
    return int(backend.version_of(key)[:14], 16)
