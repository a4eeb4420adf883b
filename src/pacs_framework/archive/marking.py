"""Protecting patients and studies from deletion, and labelling them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from pacs_framework.archive.marks import Label, Protection, Subject, check_label
from pacs_framework.errors import ConfigurationError
from pacs_framework.index.entry import storable
from pacs_framework.index.mark_book import MarkBook
from pacs_framework.index.queries import reading

if TYPE_CHECKING:
    from pacs_framework.index.database import Database

__all__ = ["Marking"]

_log = structlog.get_logger(__name__)


class Marking:
    """Protections and labels of one archive. Safe to use from many threads, processes and nodes.

    Each call is one transaction and durable when it returns. They are about patients and studies,
    not about rows: they hold after ``pacs reindex``, and when a study is deleted and comes again.
    Every method raises `IndexUnavailable`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def protect(self, subject: Subject, *, by: str, reason: str) -> bool:
        """Keep it from being deleted, with all that comes to it later; False where it is already.

        Raises `ConfigurationError` where the archive does not know it.
        """
        with self._writing(subject) as book:
            new = book.protect(subject, storable(by), storable(reason))
        if new:
            _log.info("protected", by=by, study=subject.study)
        return new

    def unprotect(self, subject: Subject, *, by: str) -> bool:
        """Let it be deleted again; False where it was not protected."""
        with self._database.writing() as connection:
            gone = MarkBook(connection).unprotect(subject)
        if gone:
            _log.info("no longer protected", by=by, study=subject.study)
        return gone

    def protections(self) -> list[Protection]:
        """All of them, in the order in which they were made."""
        with reading(self._database) as connection:
            return MarkBook(connection).protections()

    def label(self, subject: Subject, name: str, *, by: str) -> bool:
        """Put a label on it; False where it has it already.

        Raises `ConfigurationError` for what is no label, and where the archive does not know it.
        """
        check_label(name)
        with self._writing(subject) as book:
            return book.label(subject, name, storable(by))

    def unlabel(self, subject: Subject, name: str) -> bool:
        """Take a label off; False where it had no such label."""
        with self._database.writing() as connection:
            return MarkBook(connection).unlabel(subject, storable(name))

    def labels(self, subject: Subject | None = None, name: str | None = None) -> list[Label]:
        """All of them, those of one subject, or those of one name; in the order they were made."""
        with reading(self._database) as connection:
            return MarkBook(connection).labels(subject, name)

    @contextmanager
    def _writing(self, subject: Subject) -> Iterator[MarkBook]:
        with self._database.writing() as connection:
            book = MarkBook(connection)
            if not book.is_known(subject):
                what = "patient" if subject.patient else f"study {subject.study!r}"
                raise ConfigurationError(
                    f"the archive has no such {what}; ask `pacs patient list`, or query for it"
                )
            yield book
