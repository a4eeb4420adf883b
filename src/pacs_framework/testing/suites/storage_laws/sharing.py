"""Laws of storage backends: many at once."""

from __future__ import annotations

from itertools import count

from pacs_framework.storage import StorageBackend
from pacs_framework.testing.objects import SOME, content, get, key_of, keys, put_new
from pacs_framework.testing.suites.storage_laws.scene import SIZE, StorageScene, number_of
from pacs_framework.testing.suites.storing import Opener, Storing, Task
from pacs_framework.testing.suites.suite import needs
from pacs_framework.testing.threads import run_in_threads

__all__ = ["Sharing"]


class Sharing(StorageScene, suite=True):
    """Threads and processes on one place."""

    def test_recover_harms_nobody_who_is_writing(self, backend: StorageBackend) -> None:
        """Another process may start while this one stores."""
        key = key_of(backend, size=2 * len(SOME))
        with backend.begin(key) as writer:
            writer.write(SOME)
            assert backend.recover() == 0
            writer.write(SOME)
            writer.commit()
        assert get(backend, key) == SOME * 2

    def test_many_threads_store_and_delete_at_once(self, backend: StorageBackend) -> None:
        """In the same folders: what was committed is there, what was deleted is not."""
        numbers = count(1)
        kept: set[str] = set()

        def work() -> None:
            for turn in range(20):
                number = next(numbers)
                key = put_new(backend, b"%d" % number, number)
                if turn % 4:
                    backend.delete(key)
                else:
                    assert get(backend, key) == b"%d" % number
                    kept.add(key)

        run_in_threads(work, 8)
        assert keys(backend) == kept

    @needs("durable")
    def test_processes_store_and_read_at_once(
        self, backend: StorageBackend, opener: Opener
    ) -> None:
        """Two store, and this one reads each object as soon as it is committed."""
        tasks = [Task(opener=opener, first=first, last=first + 19, size=SIZE) for first in (1, 101)]
        with Storing(tasks[0]) as one, Storing(tasks[1]) as other:
            for mine, theirs in zip(one, other, strict=True):
                for key in (mine, theirs):
                    assert get(backend, key) == content(number_of(backend, key), SIZE)
            one.finish()
            other.finish()
        assert {number_of(backend, key) for key in keys(backend)} == {
            *range(1, 21),
            *range(101, 121),
        }
