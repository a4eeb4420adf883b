"""Pseudonyms: keyed, so that every node finds the same ones and nobody without the key any.

Each holds a digest of what it stands for and a keyed check of that digest. So an engine with the
same key knows its own pseudonyms when they come again, and leaves them alone: de-identifying twice
is de-identifying once, and a reference from an instance that has been through still leads to one.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable
from functools import lru_cache

__all__ = ["KEY_BYTES", "Pseudonyms"]

KEY_BYTES = 16
"""The shortest key: 128 bits."""

_CACHED = 1 << 16

# Bytes of digest and of check. Of a milliard UIDs two are the same with a chance of 4e-10, and a
# strange UUID is taken for an own one with 2e-10; of a million patients, 7e-6 and 6e-8.
_UID_DIGEST, _UID_CHECK = 11, 4
_ID_DIGEST, _ID_CHECK = 7, 3

_UUID_ROOT = "2.25."
_VERSION, _VARIANT = 8, 2
_LONGEST_SHIFT = 3652
_BEFORE_HEX = 16

_is_code = re.compile(r"[A-Z2-7]{16}").fullmatch
_is_uuid = re.compile(r"2\.25\.[1-9][0-9]{0,38}").fullmatch


class Pseudonyms:
    """What replaces UIDs and identifiers, by one key. Raises ValueError for a key that is short."""

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_BYTES:
            raise ValueError(f"a key of {len(key)} bytes can be guessed: it needs {KEY_BYTES}")
        self._key = key
        self.uid: Callable[[str], str] = lru_cache(_CACHED)(self._uid)
        """The UID that stands for another: ``2.25.`` and a UUID (PS3.5 B.2); its own ones stay."""
        self.code: Callable[[str, str], str] = lru_cache(_CACHED)(self._code)
        """Sixteen capitals and digits that stand for an identifier of a kind; its own ones stay.

        They fit every text VR, in every character set.
        """

    def _uid(self, uid: str) -> str:
        if self.is_own_uid(uid):
            return uid
        digest = self._hash("uid", uid.encode())[:_UID_DIGEST]
        bits = int.from_bytes(digest + self._hash("uid check", digest)[:_UID_CHECK])
        return _UUID_ROOT + str(_to_uuid(bits))

    def is_own_uid(self, uid: str) -> bool:
        """Whether this key made a UID."""
        if not _is_uuid(uid):
            return False
        bits = _from_uuid(int(uid[len(_UUID_ROOT) :]))
        if bits is None:
            return False
        made = bits.to_bytes(_UID_DIGEST + _UID_CHECK)
        digest, check = made[:_UID_DIGEST], made[_UID_DIGEST:]
        return hmac.compare_digest(self._hash("uid check", digest)[:_UID_CHECK], check)

    def _code(self, kind: str, identifier: str) -> str:
        if self.is_own_code(identifier):
            return identifier
        digest = self._hash(kind, identifier.encode())[:_ID_DIGEST]
        check = self._hash("code check", digest)[:_ID_CHECK]
        return base64.b32encode(digest + check).decode()

    def is_own_code(self, code: str) -> bool:
        """Whether this key made a code."""
        if not _is_code(code):
            return False
        made = base64.b32decode(code)
        digest, check = made[:_ID_DIGEST], made[_ID_DIGEST:]
        return hmac.compare_digest(self._hash("code check", digest)[:_ID_CHECK], check)

    def shift(self, patient: str) -> int:
        """By how many days all dates of a patient move, into the past: up to ten years."""
        digest = self._hash("shift", patient.encode())
        return -1 - int.from_bytes(digest[:8]) % _LONGEST_SHIFT

    def fingerprint(self, value: bytes) -> str:
        """A keyed hash of a value, for reports."""
        return self._hash("report", value).hex()[:_BEFORE_HEX]

    def _hash(self, purpose: str, data: bytes) -> bytes:
        """HMAC-SHA-256; what is hashed for one purpose says nothing about another."""
        return hmac.digest(self._key, purpose.encode() + b"\0" + data, "sha256")


def _to_uuid(bits: int) -> int:
    """A UUID of version 8 (RFC 9562 5.8) from 120 bits; two more of it stay zero."""
    return (
        bits >> 72 << 80
        | _VERSION << 76
        | (bits >> 60 & 0xFFF) << 64
        | _VARIANT << 62
        | (bits & (1 << 60) - 1)
    )


def _from_uuid(uuid: int) -> int | None:
    """The 120 bits of such a UUID, None for another."""
    bits = uuid >> 80 << 72 | (uuid >> 64 & 0xFFF) << 60 | uuid & (1 << 60) - 1
    return bits if bits.bit_length() <= 120 and _to_uuid(bits) == uuid else None
