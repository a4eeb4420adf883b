"""Held to its source: whether a data set that was made of another one shows what that one shows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import NamedTuple

from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.comparing import largest_difference, same_kind, same_samples
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.native import native_bytes
from pacs_framework.codecs.transcoding import NativeFrames, Transcoding
from pacs_framework.dicom.header import Readable
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import UnreadableInstance

__all__ = ["Encoded", "check_pixels"]


class Encoded(NamedTuple):
    """A data set from where ``source`` stands."""

    source: Readable
    transfer_syntax: str


def check_pixels(
    transcoding: Transcoding, original: Encoded, made: Encoded, loss: Loss | None = None
) -> None:
    """Decode every frame of both, and raise `UnreadableInstance` where they differ.

    With a ``loss`` that is measured as *near*, by more than it; with any other one, in size and
    kind of the samples only: how much is lost is then for the encoder to know.
    """
    if {original.transfer_syntax, made.transfer_syntax} <= UNCOMPRESSED:
        if _digest(native_bytes(*original)) != _digest(native_bytes(*made)):
            raise UnreadableInstance("the pixel data of the new file are others")
        return
    ours = transcoding.native_frames(*original)
    theirs = transcoding.native_frames(*made)
    if not (isinstance(ours, NativeFrames) and isinstance(theirs, NativeFrames)):
        if type(ours) is not type(theirs):
            raise UnreadableInstance("only one of the files has pixel data")
        return
    same = _same(loss)
    pairs = zip_longest(ours.frames, theirs.frames)
    for number, (one, other) in enumerate(pairs, start=1):
        if one is None or other is None or not same(one, other):
            raise UnreadableInstance(f"frame {number} of the new file is another one")


def _same(loss: Loss | None) -> Callable[[Frame, Frame], bool]:
    if loss is None:
        return same_samples
    if loss.measure is not Measure.NEAR:
        return same_kind

    def near(one: Frame, other: Frame) -> bool:
        difference = largest_difference(one, other)
        return difference is not None and difference <= loss.amount

    return near


def _digest(pieces: Iterator[bytes]) -> bytes:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.digest()
