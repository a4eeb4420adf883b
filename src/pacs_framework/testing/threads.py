"""Work in many threads at once, whose failures are told."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["run_in_threads"]


def run_in_threads(work: Callable[[], None], number: int) -> None:
    """Run ``work`` in ``number`` threads and wait for all; raises an ExceptionGroup of failures."""
    failures: list[BaseException] = []

    def told() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread of the test
            failures.append(error)

    threads = [threading.Thread(target=told) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise BaseExceptionGroup(f"{len(failures)} of {number} threads failed", failures)
