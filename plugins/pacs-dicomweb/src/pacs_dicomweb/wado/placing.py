"""Where the references of metadata lead: to this service, as whoever asks has reached it.

It may be reached by several addresses, and what is kept is for all of them. So `HERE` stands for
the address up to the series, which is put in when the answer goes out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacs_dicomweb.model.series import Written

__all__ = ["HERE", "json_array", "placed", "without_references"]

HERE = "\x1a"
"""A character that no JSON holds as it is: in texts it is escaped."""

_HERE = HERE.encode()
_AT_ONCE = 3 << 14  # bytes; larger blocks of memory are new ones each time, and cost more
_references = re.compile(rb',"BulkDataURI":"\x1a[^"]*"')


def placed(document: Written) -> bytes:
    """The JSON object, its references from `HERE` on: series, instance, and what they had."""
    text, series, instance = document
    return text.replace(_HERE, b"\x1a%b/instances/%b/bulkdata/" % (series, instance))


def without_references(text: bytes) -> bytes:
    """A JSON object that was `placed`, with nothing in place of its bulk data."""
    return _references.sub(b"", text)


def json_array(runs: Iterable[Iterable[bytes]], base: str) -> Iterator[bytes]:
    """An array of all objects in pieces, ``base`` in place of `HERE`."""
    there, before = base.encode(), b"["
    for some in chain.from_iterable(map(_batches, runs)):
        some[0] = before + some[0]
        yield b",".join(some).replace(_HERE, there)
        before = b","
    yield b"[]" if before == b"[" else b"]"


def _batches(texts: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= _AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
