"""Keys of objects: by study and series, so that a person finds them in the bucket."""

from __future__ import annotations

import hashlib
import re

from pacs_framework.storage import ObjectName

__all__ = ["PLAIN", "SEALED", "is_key", "is_sealed", "key_of", "version_of"]

PLAIN, SEALED = ".dcm", ".dcm.aes"

_UID = re.compile(r"[0-9][0-9.]{0,63}")
_PART = r"(?:[0-9][0-9.]*|x-[0-9a-f]{16})"
_KEY = re.compile(rf"{_PART}/{_PART}/{_PART}-([0-9a-z]+)\.dcm(\.aes)?")


def key_of(name: ObjectName, *, sealed: bool) -> str:
    """The key of a new object, at most 240 characters.

    There is no patient in it: names of objects show in listings, bills and access logs.
    """
    study, series = _part(name.study_instance_uid), _part(name.series_instance_uid)
    instance = _part(name.sop_instance_uid)
    return f"{study}/{series}/{instance}-{name.version}{SEALED if sealed else PLAIN}"


def version_of(key: str) -> str:
    """The version that `key_of` put into ``key``; empty where it made no such key."""
    found = _KEY.fullmatch(key)
    return found[1] if found else ""


def is_key(key: str) -> bool:
    """Whether `key_of` can have made ``key``: nothing else in the bucket is touched."""
    return _KEY.fullmatch(key) is not None


def is_sealed(key: str) -> bool:
    """Whether the object of ``key`` is encrypted by us: the key tells, also in a listing."""
    return key.endswith(SEALED)


def _part(uid: str) -> str:
    """A UID as it is; anything else, which the ingest door does not let in, as its digest."""
    if _UID.fullmatch(uid):
        return uid
    return f"x-{hashlib.sha256(uid.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
