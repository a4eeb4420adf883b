"""Marks: what tells a place from the empty folder that it is mounted over.

Each place holds one small object that names it; the tables hold what it says. A place that had its
mark and has it no more is not the place, and counts as away: nothing is written there, and nothing
is taken for lost because it is not there. Looked at whenever a place is opened.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

import structlog

from pacs_framework.errors import ObjectNotFound, StorageError
from pacs_storage_tiered.naming import Key

if TYPE_CHECKING:
    from pacs_framework.storage import StorageBackend
    from pacs_storage_tiered.book import Book

__all__ = ["MARK", "Marks"]

MARK = Key("2.25.0", "2.25.0", "2.25.0", "0" * 24)
"""The key of the mark in every place; no instance has it, and it is not listed."""

_log = structlog.get_logger(__name__)
_MOST = 4096  # bytes; a mark is less


class Marks:
    """Knows the places of one archive by what ``book`` holds of them."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def require(self, name: str, backend: StorageBackend) -> None:
        """See that this is the place ``name``, and mark it when it is new.

        Raises `StorageError` where its mark is missing, or is that of another place or archive.
        """
        there = _read(backend)
        is_damaged = there is not None and not _name_in(there)
        if is_damaged:  # no empty folder has one, so this is the place
            _log.warning("the mark of a place is damaged, and written anew", place=name)
            backend.delete(_key(backend))
            there = None
        if there is not None:
            _require_name(name, _name_in(there))
        # Two nodes may begin at once: both write the mark that the first of them put down.
        known, is_there = self._book.mark_of(name, there or _new(name))
        if there is None and is_there and not is_damaged:
            raise StorageError(
                f"place {name!r} has lost its mark: is it mounted? Where it is a new and empty "
                f"one, let `pacs tiers mark {name}` say so"
            )
        if there is not None and there != known:
            raise StorageError(
                f"place {name!r} has the mark of another archive; where it is to be this one's "
                f"from now on, let `pacs tiers mark {name}` say so"
            )
        if there is None:
            _write(backend, known)
        if not is_there:
            self._book.note_marked(name)

    def renew(self, name: str, backend: StorageBackend) -> None:
        """This is the place ``name`` from now on, whatever mark it has. Raises `StorageError`."""
        backend.delete(_key(backend))
        self._book.forget_mark(name)
        self.require(name, backend)


def _new(name: str) -> str:
    return json.dumps({"place": name, "mark": secrets.token_hex(16)})


def _name_in(mark: str) -> str:
    """Empty where it cannot be read."""
    try:
        return str(json.loads(mark)["place"])
    except (ValueError, TypeError, KeyError):
        return ""


def _require_name(name: str, found: str) -> None:
    if found != name:
        raise StorageError(
            f"place {name!r} is where place {found!r} was: a name belongs to its objects; put the "
            f"old name or the old URL back into [plugin.storage-tiered], or let "
            f"`pacs tiers mark {name}` say that it is meant"
        )


def _read(backend: StorageBackend) -> str | None:
    try:
        with backend.open(_key(backend)) as source:
            return source.read(_MOST).decode("utf-8", "replace")
    except ObjectNotFound:
        return None


def _write(backend: StorageBackend, mark: str) -> None:
    data = mark.encode()
    with backend.begin(_key(backend), size=len(data)) as writer:
        writer.write(data)
        writer.commit()


def _key(backend: StorageBackend) -> str:
    return backend.key_for(MARK.name_for_place())
