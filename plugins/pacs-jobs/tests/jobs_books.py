"""What a process writes of the jobs that it does, without the process."""

from __future__ import annotations

from pacs_jobs.book import Book
from pacs_jobs.queue import TableQueue

__all__ = ["book_of"]


def book_of(queue: TableQueue, owner: str, *, lease: float = 60.0) -> Book:
    """That of a process ``owner``."""
    assert queue.kinds is not None
    book = Book(
        queue.store,
        queue.bells,
        {kind.name: kind for kind in queue.kinds},
        owner=owner,
        name=owner,
        lease=lease,
        keep=60.0,
    )
    book.open()
    return book
