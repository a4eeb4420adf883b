"""Putting a changed header in front of the pixels that arrived."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pacs_framework.anonymizers.redacting import redacted
from pacs_framework.archive.incoming import Coercion, Origin
from pacs_framework.archive.inspection import Inspected, inspect
from pacs_framework.archive.spool import Spool
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.dicom.rewrite import replace_header
from pacs_framework.dicom.stream import PieceStream
from pacs_framework.errors import InstanceError, PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pacs_framework.codecs.transcoding import Transcoding

__all__ = ["Coerced", "coerce"]


@dataclass(frozen=True, slots=True)
class Coerced:
    """A changed instance: its bytes, what is announced of it, and what it says of itself."""

    spool: Spool
    meta: FileMeta
    inspected: Inspected


def coerce(
    arrived: Spool,
    meta: FileMeta,
    coercion: Coercion,
    origin: Origin,
    new_spool: Callable[[bytes], Spool],
    transcoding: Transcoding,
) -> Coerced:
    """The instance with the header of ``coercion``, checked as if it had arrived like this.

    The UIDs of the changed header hold. The Part 10 prefix stays while SOP class and instance do,
    but for an anonymous instance, whose prefix does not name the sender either.
    Raises `PluginError` when what a plugin made is no instance that can be kept, and
    `NotAnonymized` when what it wants done to the pixels cannot be.
    """
    changed = replace(
        meta,
        sop_class_uid=str(coercion.dataset.get("SOPClassUID") or ""),
        sop_instance_uid=str(coercion.dataset.get("SOPInstanceUID") or ""),
    )
    try:
        with arrived.reading() as source:
            pieces = replace_header(
                source,
                meta.transfer_syntax_uid,
                coercion.dataset,
                pixels_only=coercion.anonymous,
            )
            if coercion.pixels is not None:
                syntax = meta.transfer_syntax_uid
                made = redacted(PieceStream(pieces), syntax, coercion.pixels, transcoding)
                changed = replace(changed, transfer_syntax_uid=made.transfer_syntax)
                pieces = made.pieces
            spool = _filled(new_spool(_prefix(arrived, meta, changed, coercion, origin)), pieces)
    except InstanceError as error:
        raise PluginError(f"a plugin's coercion cannot be kept: {error}") from error
    try:
        return Coerced(spool, changed, inspect(spool.dataset(), changed))
    except InstanceError as error:
        spool.close()
        raise PluginError(f"a plugin's coercion cannot be kept: {error}") from error
    except BaseException:
        spool.close()
        raise


def _prefix(
    arrived: Spool, meta: FileMeta, changed: FileMeta, coercion: Coercion, origin: Origin
) -> bytes:
    if changed == meta and not coercion.anonymous:
        return arrived.prefix
    return make_prefix(changed, source_aet="" if coercion.anonymous else origin.calling_aet)


def _filled(spool: Spool, pieces: Iterator[bytes]) -> Spool:
    try:
        for piece in pieces:
            spool.write(piece)
    except BaseException:
        spool.close()
        raise
    return spool
