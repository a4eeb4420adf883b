"""Digests that stay with objects: put to them as metadata, and held against what is read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pacs_framework.errors import StorageError
from pacs_framework.storage import Digests

__all__ = ["DigestNames", "digests_of", "matches", "whole"]

_SPLIT = re.compile(r"([1-9][0-9]{0,18})-([0-9a-f]{64})-([0-9a-f]{64})")
_WHOLE = re.compile(r"[0-9a-f]{64}")
_OF_NOTHING = hashlib.sha256().digest()


@dataclass(frozen=True, slots=True)
class DigestNames:
    """Names of metadata in one kind of store.

    ``whole`` holds the SHA-256 of an object as 64 hexadecimal digits. ``split`` holds, joined by
    hyphens, a number of bytes, the SHA-256 of so many from the start, and that of all others.
    """

    whole: str
    split: str

    def metadata(self, digests: Digests) -> dict[str, str]:
        """What is put to an object."""
        if digests.offset == 0:
            return {self.whole: digests.rest.hex()}
        return {self.split: f"{digests.offset}-{digests.first.hex()}-{digests.rest.hex()}"}

    def found(self, metadata: Mapping[str, str]) -> Digests | None:
        """What was put to an object, if the store gives it back. Raises `StorageError`."""
        split, unsplit = metadata.get(self.split), metadata.get(self.whole)
        if split is not None and (found := _SPLIT.fullmatch(split)):
            offset, first, rest = found.groups()
            return Digests(int(offset), bytes.fromhex(first), bytes.fromhex(rest))
        if split is None and unsplit is not None and _WHOLE.fullmatch(unsplit):
            return whole(bytes.fromhex(unsplit))
        if split is None and unsplit is None:
            return None
        raise StorageError("cannot read an object: its digest was damaged in the store")


def digests_of(data: bytes | memoryview) -> Digests:
    """Of an object that nobody has taken them of before."""
    return whole(hashlib.sha256(data).digest())


def matches(digests: Digests, blocks: Iterable[bytes]) -> bool:
    """Whether ``blocks`` are, one after the other, the object that ``digests`` were taken of."""
    first, rest = hashlib.sha256(), hashlib.sha256()
    left = digests.offset
    for block in blocks:
        view = memoryview(block)
        first.update(view[:left])
        rest.update(view[left:])
        left -= min(left, len(view))
    return (first.digest(), rest.digest()) == (digests.first, digests.rest)


def whole(digest: bytes) -> Digests:
    """Of an object that is not split: its SHA-256."""
    return Digests(0, _OF_NOTHING, digest)
