"""DICOM files in another transfer syntax: written whole or not at all, and held to their source."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from pacs_framework.codecs.loss import Loss
from pacs_framework.codecs.transcoding import NoPixelData, Transcoding
from pacs_framework.codecs.verifying import Encoded, check_pixels
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.header import blocks_of
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.dicom.renewing import renewed_prefix
from pacs_framework.whole_file import check_free, whole_file

__all__ = ["Conversion", "FileConverter", "Outcome"]


class Outcome(Enum):
    """What became of a file that did not fail."""

    CONVERTED = "converted"
    COPIED = "copied"
    """It was in the transfer syntax."""
    KEPT = "kept"
    """It has no pixel data and cannot be in a compressed syntax: copied as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """``size`` is in bytes, of the new file; ``source_size`` of the one that was read.

    ``sop_instance_uid`` is that of the new file.
    """

    outcome: Outcome
    source_size: int
    size: int
    sop_instance_uid: str


class FileConverter:
    """Converts files to one transfer syntax. Safe to use from many threads.

    With ``loss``, images are compressed with it and become other instances. ``verify`` has each
    file decoded again, and every frame compared with its source. Without ``overwrite``, no file
    that is there is touched. Raises ValueError for a transfer syntax that is no target.
    """

    def __init__(
        self,
        transcoding: Transcoding,
        target: str,
        *,
        loss: Loss | None = None,
        verify: bool = False,
        overwrite: bool = False,
    ) -> None:
        if loss is None:
            transcoding.check_target(target)
        else:
            transcoding.check_lossy_target(target, loss)
        self._transcoding = transcoding
        self._target = target
        self._loss = loss
        self._verify = verify
        self._overwrite = overwrite

    def convert(self, source: Path, destination: Path) -> Conversion:
        """Write the file ``source`` to ``destination``; folders are made.

        ``destination`` appears when all of it is on disk. Raises `UnreadableInstance`, and OSError:
        FileExistsError where it is there and may not be overwritten.
        """
        check_free(destination, overwrite=self._overwrite)
        with (
            source.open("rb") as reader,
            whole_file(destination, overwrite=self._overwrite) as writer,
        ):
            outcome, uid = self._write(reader, writer)
            sizes = os.fstat(reader.fileno()).st_size, writer.seek(0, os.SEEK_END)
        return Conversion(
            outcome=outcome, source_size=sizes[0], size=sizes[1], sop_instance_uid=uid
        )

    def _write(self, reader: BinaryIO, writer: BinaryIO) -> tuple[Outcome, str]:
        """What became of it, and its SOP Instance UID."""
        prefix = read_prefix(reader)
        stored, uid = prefix.meta.transfer_syntax_uid, prefix.meta.sop_instance_uid
        if stored == self._target:
            _copy(reader, writer)
            return Outcome.COPIED, uid
        reader.seek(prefix.dataset_offset)
        try:
            meta, pieces = self._converted(reader, prefix.meta)
        except NoPixelData:
            _copy(reader, writer)
            return Outcome.KEPT, uid
        beginning = renewed_prefix(meta)
        writer.write(beginning)
        writer.writelines(pieces)
        if self._verify:
            reader.seek(prefix.dataset_offset)
            writer.seek(len(beginning))
            made = Encoded(writer, self._target)
            check_pixels(self._transcoding, Encoded(reader, stored), made, self._loss)
        return Outcome.CONVERTED, meta.sop_instance_uid

    def _converted(self, reader: BinaryIO, meta: FileMeta) -> tuple[FileMeta, Iterator[bytes]]:
        """What to tell of the data set at which ``reader`` stands, and it in the new syntax."""
        stored, target = meta.transfer_syntax_uid, self._target
        told = replace(meta, transfer_syntax_uid=target)
        if self._loss is None:
            return told, self._transcoding.convert(reader, stored, target)
        derived = self._transcoding.derive(reader, stored, target, self._loss)
        return replace(told, sop_instance_uid=derived.sop_instance_uid), derived.pieces


def _copy(reader: BinaryIO, writer: BinaryIO) -> None:
    reader.seek(0)
    writer.writelines(blocks_of(reader))
