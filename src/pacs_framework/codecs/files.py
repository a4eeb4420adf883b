"""DICOM files in another transfer syntax: written whole or not at all, and held to their source."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO

from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

from pacs_framework.codecs.comparing import same_samples
from pacs_framework.codecs.native import native_bytes
from pacs_framework.codecs.transcoding import NativeFrames, NoPixelData, Transcoding
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.header import blocks_of
from pacs_framework.dicom.part10 import make_prefix, read_prefix
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.dicom.uids import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    UNCOMPRESSED,
)
from pacs_framework.errors import UnreadableInstance

__all__ = ["Conversion", "FileConverter", "Outcome"]

_PREAMBLE = b"\0" * 128 + b"DICM"
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class Outcome(Enum):
    """What became of a file that did not fail."""

    CONVERTED = "converted"
    COPIED = "copied"
    """It was in the transfer syntax."""
    KEPT = "kept"
    """It has no pixel data and cannot be in a compressed syntax: copied as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """``size`` is in bytes, of the new file; ``source_size`` of the one that was read."""

    outcome: Outcome
    source_size: int
    size: int


class FileConverter:
    """Converts files to one transfer syntax. Safe to use from many threads.

    ``verify`` has each file decoded again, and every frame compared with its source. Without
    ``overwrite``, no file that is there is touched.
    """

    def __init__(
        self,
        transcoding: Transcoding,
        target: str,
        *,
        verify: bool = False,
        overwrite: bool = False,
    ) -> None:
        transcoding.check_target(target)
        self._transcoding = transcoding
        self._target = target
        self._verify = verify
        self._overwrite = overwrite
        self._mode = _usual_mode()

    def convert(self, source: Path, destination: Path) -> Conversion:
        """Write the file ``source`` to ``destination``; folders are made.

        ``destination`` appears when all of it is on disk. Raises `UnreadableInstance`, and OSError:
        FileExistsError where it is there and may not be overwritten.
        """
        if not self._overwrite and destination.exists():
            raise _there_already(destination)
        destination.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".converting-", dir=destination.parent)
        part = Path(name)
        try:
            with source.open("rb") as reader, os.fdopen(handle, "w+b") as writer:
                outcome = self._write(reader, writer)
                _sync(writer)
                sizes = os.fstat(reader.fileno()).st_size, os.fstat(writer.fileno()).st_size
            part.chmod(self._mode)
            self._put(part, destination)
        finally:
            part.unlink(missing_ok=True)
        return Conversion(outcome=outcome, source_size=sizes[0], size=sizes[1])

    def _write(self, reader: BinaryIO, writer: BinaryIO) -> Outcome:
        prefix = read_prefix(reader)
        stored = prefix.meta.transfer_syntax_uid
        reader.seek(prefix.dataset_offset)
        outcome = Outcome.COPIED if stored == self._target else Outcome.CONVERTED
        if outcome is Outcome.CONVERTED:
            try:
                pieces = self._transcoding.convert(reader, stored, self._target)
            except NoPixelData:
                outcome = Outcome.KEPT
        if outcome is not Outcome.CONVERTED:
            reader.seek(0)
            writer.writelines(blocks_of(reader))
            return outcome
        beginning = _file_meta(prefix.meta, self._target)
        writer.write(beginning)
        writer.writelines(pieces)
        if self._verify:
            reader.seek(prefix.dataset_offset)
            writer.seek(len(beginning))
            self._compare(reader, stored, writer)
        return outcome

    def _compare(self, source: BinaryIO, stored: str, made: BinaryIO) -> None:
        """Raises `UnreadableInstance` where the pixels differ."""
        if {stored, self._target} <= UNCOMPRESSED:
            if _digest(native_bytes(source, stored)) != _digest(native_bytes(made, self._target)):
                raise UnreadableInstance("the pixel data of the new file are others")
            return
        ours = self._transcoding.native_frames(source, stored)
        theirs = self._transcoding.native_frames(made, self._target)
        if not (isinstance(ours, NativeFrames) and isinstance(theirs, NativeFrames)):
            if type(ours) is not type(theirs):
                raise UnreadableInstance("only one of the files has pixel data")
            return
        pairs = zip_longest(ours.frames, theirs.frames)
        for number, (one, other) in enumerate(pairs, start=1):
            if one is None or other is None or not same_samples(one, other):
                raise UnreadableInstance(f"frame {number} of the new file is another one")

    def _put(self, part: Path, destination: Path) -> None:
        if self._overwrite:
            part.replace(destination)
            return
        try:
            os.link(part, destination)  # fails where a file is there, unlike a rename
        except FileExistsError:
            raise _there_already(destination) from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if destination.exists():
                raise _there_already(destination) from None
            part.replace(destination)


def _there_already(destination: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "a file is there already", str(destination))


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _usual_mode() -> int:
    """Of any new file; a temporary one is for its owner only."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _digest(pieces: Iterator[bytes]) -> bytes:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


def _file_meta(meta: FileMeta, target: str) -> bytes:
    """Preamble and group 0002 of the new file: that of the source, with what is ours in it.

    The preamble is empty, since what it says of other formats is about the bytes that were there.
    """
    ours = FileMeta(
        sop_class_uid=meta.sop_class_uid,
        sop_instance_uid=meta.sop_instance_uid,
        transfer_syntax_uid=target,
    )
    if meta.prefix is None:
        return make_prefix(ours)
    with suppress(*PYDICOM_FAILURES):
        return _PREAMBLE + _changed(meta.prefix[len(_PREAMBLE) :], target)
    return make_prefix(ours)


def _changed(group: bytes, target: str) -> bytes:
    elements = read_dataset(io.BytesIO(group), is_implicit_VR=False, is_little_endian=True)
    found = FileMetaDataset(elements)
    found.TransferSyntaxUID = UID(target)
    found.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    found.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    written = DicomBytesIO()
    write_file_meta_info(written, found)
    return written.getvalue()
