"""Keeping an instance in another transfer syntax than it arrived in, once every pixel is proved."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from pacs_framework.archive.coercing import Coerced
from pacs_framework.archive.inspection import inspect
from pacs_framework.codecs.syntaxes import syntax_name
from pacs_framework.codecs.transcoding import NoPixelData
from pacs_framework.codecs.verifying import Encoded, check_pixels
from pacs_framework.dicom.renewing import renewed_prefix
from pacs_framework.errors import PacsError

if TYPE_CHECKING:
    from pacs_framework.archive.incoming import Compression
    from pacs_framework.archive.spool import Spool
    from pacs_framework.codecs.transcoding import Transcoding
    from pacs_framework.dicom.file_meta import FileMeta
    from pacs_framework.dicom.header import Readable

__all__ = ["compressed"]

_log = structlog.get_logger(__name__)


def compressed(
    arrived: Spool,
    meta: FileMeta,
    compression: Compression,
    transcoding: Transcoding,
    new_spool: Callable[[bytes], Spool],
) -> Coerced | None:
    """The instance as ``compression`` wants it, checked as if it had arrived like this.

    None where it is to be kept as it came: it has no pixel data, or something failed. That is no
    reason to refuse an instance, so it is told in a warning and raised nowhere.
    """
    try:
        return _Work(arrived, meta, compression, transcoding).done(new_spool)
    except NoPixelData:
        return None
    except (PacsError, ValueError, OSError) as error:
        _log.warning(
            "an instance is kept as it came: it could not be compressed",
            to=syntax_name(compression.to),
            reason=str(error),
            sop_class_uid=meta.sop_class_uid,
            sop_instance_uid=meta.sop_instance_uid,
        )
        return None


class _Work:
    """One instance to be compressed."""

    def __init__(
        self, arrived: Spool, meta: FileMeta, compression: Compression, transcoding: Transcoding
    ) -> None:
        self._arrived = arrived
        self._meta = replace(meta, prefix=arrived.prefix)
        self._to = compression.to
        self._loss = compression.loss
        self._transcoding = transcoding

    def done(self, new_spool: Callable[[bytes], Spool]) -> Coerced:
        with _reading(self._arrived) as source:
            meta, pieces = self._compressed(source)
            spool = new_spool(renewed_prefix(meta))
            try:
                for piece in pieces:
                    spool.write(piece)
                self._check(spool)
                return Coerced(spool, replace(meta, prefix=None), inspect(spool.dataset(), meta))
            except BaseException:
                spool.close()
                raise

    def _compressed(self, source: Readable) -> tuple[FileMeta, Iterator[bytes]]:
        stored, to = self._meta.transfer_syntax_uid, self._to
        meta = replace(self._meta, transfer_syntax_uid=to)
        if self._loss is None:
            return meta, self._transcoding.convert(source, stored, to)
        derived = self._transcoding.derive(source, stored, to, self._loss)
        return replace(meta, sop_instance_uid=derived.sop_instance_uid), derived.pieces

    def _check(self, spool: Spool) -> None:
        with _reading(self._arrived) as source, _reading(spool) as made:
            check_pixels(
                self._transcoding,
                Encoded(source, self._meta.transfer_syntax_uid),
                Encoded(made, self._to),
                self._loss,
            )


@contextmanager
def _reading(spool: Spool) -> Iterator[Readable]:
    """The data set; what is in memory is small and read through a copy of it."""
    with spool.reading() as source:
        yield io.BytesIO(source) if isinstance(source, memoryview) else source
