"""Keys of objects: relative paths, made only of characters that are harmless everywhere."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacs_framework.storage import ObjectName

__all__ = ["SUFFIX", "Naming", "is_key", "key_of", "version_of"]

SUFFIX = ".dcm"

_UID = re.compile(r"[0-9][0-9.]{0,63}")
_KEY = re.compile(r"[0-9a-z][0-9a-z.-]*(/[0-9a-z][0-9a-z.-]*)*")
_LONGEST_PART = 255


class Naming(StrEnum):
    """The folders that a new object goes into."""

    HIERARCHICAL = "hierarchical"
    DATE = "date"
    FLAT = "flat"


def key_of(name: ObjectName, naming: Naming) -> str:
    """The key of a new object, at most 250 characters; its file name ends in the version."""
    file_name = f"{_part(name.sop_instance_uid)}-{name.version}{SUFFIX}"
    return f"{_folder(name, naming)}/{file_name}"


def version_of(key: str) -> str:
    """The version that `key_of` put into ``key``."""
    return key.rpartition("-")[2].removesuffix(SUFFIX)


def is_key(text: str) -> bool:
    """Whether ``text`` stays below the root and names no file of the backend's own."""
    return bool(_KEY.fullmatch(text)) and all(
        len(part) <= _LONGEST_PART for part in text.split("/")
    )


def _folder(name: ObjectName, naming: Naming) -> str:
    if naming is Naming.HIERARCHICAL:
        # A patient's identifier is whatever a modality's operator typed, and nothing that belongs
        # into the names of files, which show in backups, logs and listings.
        patient = _digest(name.patient_id)
        return f"p-{patient}/{_part(name.study_instance_uid)}/{_part(name.series_instance_uid)}"
    if naming is Naming.DATE:
        return f"{name.received:%Y/%m/%d}/{_part(name.study_instance_uid)}"
    return _digest(name.sop_instance_uid)[:3]


def _part(uid: str) -> str:
    """A UID as it is; anything else, which the ingest door does not let in, as its digest."""
    return uid if _UID.fullmatch(uid) else f"x-{_digest(uid)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
