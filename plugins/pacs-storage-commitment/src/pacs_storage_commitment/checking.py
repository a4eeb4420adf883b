"""Whether an instance is really there: indexed, and every stored byte as it was taken in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
from pynetdicom import AllStoragePresentationContexts

from pacs_framework.errors import ObjectNotFound, StorageError
from pacs_storage_commitment.model import FailureReason, Reference

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.index.lookup import IndexedInstance

__all__ = ["Interrupted", "check"]

_BLOCK = 1 << 20
_STORAGE = frozenset(str(context.abstract_syntax) for context in AllStoragePresentationContexts)

_log = structlog.get_logger(__name__)


class Interrupted(Exception):
    """The check is not to be finished."""


def check(
    archive: Archive, reference: Reference, go_on: Callable[[], bool]
) -> FailureReason | None:
    """Why the archive cannot answer for an instance; None when it does.

    Every byte of the object is read and held against size and digests of the index, as `pacs
    verify` does. Raises `Interrupted` when ``go_on`` says no, and `IndexUnavailable`.
    """
    facts = archive.lookup.instance(reference.sop_instance_uid)
    if facts is None:
        known = reference.sop_class_uid in _STORAGE
        reason = FailureReason.NO_SUCH_OBJECT_INSTANCE
        return reason if known else FailureReason.SOP_CLASS_NOT_SUPPORTED
    if facts.sop_class_uid != reference.sop_class_uid:
        return FailureReason.CLASS_INSTANCE_CONFLICT
    try:
        whole = _is_whole(archive, facts, go_on)
    except ObjectNotFound:
        return _missing(archive, reference, facts, go_on)
    except StorageError as error:
        _log.warning("stored bytes cannot be read", key=facts.storage_key, error=str(error))
        return FailureReason.RESOURCE_LIMITATION
    if whole:
        return None
    _log.error("stored bytes are not those of the index", key=facts.storage_key)
    return FailureReason.PROCESSING_FAILURE


def _missing(
    archive: Archive, reference: Reference, facts: IndexedInstance, go_on: Callable[[], bool]
) -> FailureReason | None:
    """The object is gone: the instance was replaced or deleted meanwhile, or its bytes are lost."""
    if archive.lookup.instance(reference.sop_instance_uid) != facts:
        return check(archive, reference, go_on)
    _log.error("the object of an instance is missing", key=facts.storage_key)
    return FailureReason.PROCESSING_FAILURE


def _is_whole(archive: Archive, facts: IndexedInstance, go_on: Callable[[], bool]) -> bool:
    prefix, dataset = hashlib.sha256(), hashlib.sha256()
    size = 0
    with archive.storage.open(facts.storage_key) as source:
        prefix_bytes = source.read(facts.dataset_offset)
        prefix.update(prefix_bytes)
        size += len(prefix_bytes)
        while block := source.read(_BLOCK):
            if not go_on():
                raise Interrupted
            dataset.update(block)
            size += len(block)
    return (
        size == facts.size
        and prefix.digest() == facts.prefix_digest
        and dataset.digest() == facts.dataset_digest
    )
