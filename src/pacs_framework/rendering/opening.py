"""DICOM files opened for what can be seen of them: images, video, encapsulated documents."""

from __future__ import annotations

from typing import BinaryIO

from pydicom import Dataset

from pacs_framework.codecs.ahead import FrameThreads
from pacs_framework.codecs.transcoding import Decoder
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.documents import EncapsulatedDocument, document_in
from pacs_framework.rendering.frames import StoredImage, read_stored_image
from pacs_framework.rendering.video import VIDEO, VideoStream, read_video

__all__ = ["open_file", "open_image"]


def open_file(
    file: BinaryIO, decoder: Decoder, threads: FrameThreads | None = None
) -> StoredImage | VideoStream | EncapsulatedDocument:
    """What a Part 10 file holds; it is read from its start, and further while frames are taken.

    ``threads`` decode frames beside each other. Raises `UnreadableInstance`, also for what can
    neither be seen nor read.
    """
    prefix = read_prefix(file)
    syntax = prefix.meta.transfer_syntax_uid
    file.seek(prefix.dataset_offset)
    found: StoredImage | VideoStream | Dataset
    if syntax in VIDEO:
        found = read_video(file, syntax)
    else:
        found = read_stored_image(file, syntax, decoder, threads)
    if not isinstance(found, Dataset):
        return found
    document = document_in(found)
    if document is None:
        raise UnreadableInstance(
            "an image without pixel data: it may be cut off, or they lie elsewhere (JPIP)"
            if "Rows" in found
            else "there is neither an image nor a document in it"
        )
    return document


def open_image(
    file: BinaryIO, decoder: Decoder, threads: FrameThreads | None = None
) -> StoredImage:
    """The image or the video in a Part 10 file. Raises as `open_file`, and for documents."""
    found = open_file(file, decoder, threads)
    if isinstance(found, EncapsulatedDocument):
        raise UnreadableInstance(
            f"an encapsulated document ({found.mime_type or 'without a type'}), which is no image: "
            "`pacs extract` gives it as it is"
        )
    return found
