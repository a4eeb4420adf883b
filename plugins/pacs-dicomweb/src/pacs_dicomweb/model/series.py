"""Data sets of one series as DICOM JSON, one after the other, most of each from what they share."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from pacs_dicomweb.model.alike import Stencil
from pacs_dicomweb.model.alike_parts import member_text
from pacs_dicomweb.model.documents import (
    FIRST_READ,
    LEAP,
    Forwards,
    Ranged,
    Remembered,
    last_pixels,
    members_of,
    object_text,
    ranged_members,
    split_ranged,
)
from pacs_dicomweb.model.encoded import Renderer
from pacs_framework.dicom.elements import Encoding
from pacs_framework.dicom.header import SplitDataSet
from pacs_framework.dicom.uids import DEFLATED
from pacs_framework.dicom.walk import UNDEFINED_LENGTH
from pacs_framework.errors import UnreadableInstance

__all__ = ["SeriesWriter", "Written", "written"]

_SERIES, _INSTANCE = 0x0020000E, 0x00080018
_MOST_STENCILS = 4  # in one transfer syntax
_MARGIN = 1 << 10  # bytes by which a header may be longer than the last one, and a quarter of it
_SERIES_REMEMBERED = 64
_LARGEST = 1 << 18  # bytes of a header that is read at once
_PATIENCE = 16  # headers that fit none, beyond as many as did
_BEFORE_UID, _BEHIND_UID = b'{"vr":"UI","Value":["', b'"]}'
_OF_UID = b"0123456789."


class Written(NamedTuple):
    """One data set: its JSON object, and its UIDs, empty where they are not there; in UTF-8."""

    text: bytes
    series: bytes
    instance: bytes


class SeriesWriter:
    """Writes data sets that are mostly alike. For one thread.

    ``bulk_base`` is as in `Renderer.members`.
    """

    def __init__(self, renderer: Renderer, bulk_base: str) -> None:
        self._renderer = renderer
        self._base = bulk_base
        self._fitting: dict[str, list[_Fitting]] = {}
        self._strangers = 0
        self._at_once = 0

    @property
    def at_once(self) -> int:
        """Bytes in which the next header and the head of its pixel data are likely to be, 0 where
        nothing is known of it.
        """
        return self._at_once

    def write(self, source: Ranged, transfer_syntax: str) -> Written:
        """All of a data set, its pixel data by reference and not read.

        Raises `UnreadableInstance`.
        """
        if transfer_syntax in DEFLATED:
            members = members_of(Forwards(source), transfer_syntax, self._renderer, self._base)
            return written(members)
        found = self._filled(source, transfer_syntax)
        return self._whole(Remembered(source), transfer_syntax) if found is None else found

    def _filled(self, source: Ranged, transfer_syntax: str) -> Written | None:
        fitting = self._fitting.get(transfer_syntax)
        if not fitting or self._strangers > _PATIENCE:
            return None
        head = source.read_at(0, self._at_once or FIRST_READ)
        for place, each in enumerate(fitting):
            found = each.written(source, head)
            if found is not None:
                self._strangers -= self._strangers > 0
                if place:
                    fitting.insert(0, fitting.pop(place))
                return found
        self._strangers += 1
        return None

    def _whole(self, source: Ranged, transfer_syntax: str) -> Written:
        """Without help, and a stencil for the next if it can be had."""
        split = split_ranged(source, transfer_syntax)
        encoding = Encoding(implicit=split.implicit, little=split.little)
        rendered = self._renderer.render(split.header, encoding, self._base)
        pixels = last_pixels(source, split, self._base)
        if pixels is None:  # more is behind them
            members = ranged_members(source, transfer_syntax, self._renderer, self._base)
            return written(members)
        stencil = Stencil.of(rendered) if self._strangers <= _PATIENCE else None
        if stencil is not None:
            fitting = self._fitting.setdefault(transfer_syntax, [])
            fitting.insert(0, _Fitting(stencil, source, split, pixels, self._base))
            del fitting[_MOST_STENCILS:]
            self._at_once = min(fitting[0].likely_length, _LARGEST)
        return written(rendered.members | pixels)


class _Fitting:
    """A stencil, and the pixel data that were behind its header."""

    def __init__(
        self,
        stencil: Stencil,
        source: Ranged,
        split: SplitDataSet,
        pixels: dict[int, str],
        bulk_base: str,
    ) -> None:
        self._stencil = stencil
        self._split = split
        self._base = bulk_base
        end, encoding = len(split.header), Encoding(implicit=split.implicit, little=split.little)
        self._pixels = _following(pixels)
        self._left = source.size - end
        self._start = _head_of_the_rest(source, end, encoding)

    @property
    def likely_length(self) -> int:
        """Bytes that are likely to be enough of another data set."""
        header = len(self._split.header)
        # Encapsulated pixel data are walked through.
        return header + header // 4 + (_MARGIN if self._start is not None else _MARGIN + LEAP)

    def written(self, source: Ranged, head: bytes) -> Written | None:
        """The data set that ``head`` begins, if its header is like the others."""
        filled = self._stencil.fill(head)
        if filled is None:
            return None
        texts, alone, end = filled
        pixels = self._pixels_of(source, head, end)
        if pixels is None:
            return None
        text = b"".join((b"{", *texts, pixels, b"}"))
        return Written(text, _shared_uid(alone.get(_SERIES, b"")), _uid(alone.get(_INSTANCE, b"")))

    def _pixels_of(self, source: Ranged, head: bytes, end: int) -> bytes | None:
        """The member for what follows a header; None where more than pixel data does."""
        known = self._start is not None and head.startswith(self._start, end)
        if known and source.size - end == self._left:
            return self._pixels
        split = replace(self._split, header=head[:end])
        try:
            pixels = last_pixels(Remembered(source, head), split, self._base)
        except UnreadableInstance:
            return None
        if pixels is None:
            return None
        return _following(pixels)


def _following(members: dict[int, str]) -> bytes:
    """Members that stand behind others."""
    return b"".join([b"," + member_text(tag, text) for tag, text in members.items()])


def _head_of_the_rest(source: Ranged, end: int, encoding: Encoding) -> bytes | None:
    """What the element from ``end`` on begins with, up to its length, if it is the last one and
    its length says so; empty where there is none.
    """
    size = 8 if encoding.implicit else 12
    head = source.read_at(end, size)
    if not head:
        return head
    length = encoding.order.length(head, size - 4)[0] if len(head) == size else UNDEFINED_LENGTH
    return head if length == source.size - end - size else None


def written(members: dict[int, str]) -> Written:
    """A data set of these members (see `pacs_dicomweb.model.documents.members_of`)."""
    uids = (_uid_in(members.get(tag, "{}").encode()) for tag in (_SERIES, _INSTANCE))
    return Written(object_text(members).encode(), *uids)


def _uid(member: bytes) -> bytes:
    return _uid_in(member.partition(b":")[2] or b"{}")


_shared_uid = lru_cache(maxsize=_SERIES_REMEMBERED)(_uid)


def _uid_in(text: bytes) -> bytes:
    """The first value of an attribute."""
    if text.startswith(_BEFORE_UID) and text.endswith(_BEHIND_UID):
        uid = text[len(_BEFORE_UID) : -len(_BEHIND_UID)]
        if not uid.translate(None, _OF_UID):
            return uid
    return str(json.loads(text).get("Value", [""])[0]).encode()
