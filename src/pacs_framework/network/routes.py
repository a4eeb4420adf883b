"""How an instance travels on an association: in its own transfer syntax, or converted.

Bytes go out as they are stored wherever the receiver took that transfer syntax. Else a `Converter`
says what they can be made without loss; the one that is always there knows the uncompressed
transfer syntaxes, of which each can be made from the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from pacs_framework.dicom.rewrite import convert_uncompressed
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.service import AcceptedContext

if TYPE_CHECKING:
    from pacs_framework.dicom.file_meta import InstanceKind
    from pacs_framework.network.association import Association
    from pacs_framework.storage import ByteSource

__all__ = ["UNCOMPRESSED_ONLY", "Converter", "Routes", "encoded_for", "proposals"]

_MOST_CONTEXTS = 128  # odd ids from 1 to 255 (PS3.8 9.3.2.2)
_OFFERED = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
_PREFERRED = (*_OFFERED, str(DeflatedExplicitVRLittleEndian), str(ExplicitVRBigEndian))


class Converter(Protocol):
    """Makes data sets in one transfer syntax of those in another, without loss."""

    def targets(self, stored: str, /) -> Collection[str]:
        """What a data set in the transfer syntax ``stored`` can be made, best first."""

    def convert(self, source: ByteSource, stored: str, target: str, /) -> Iterator[bytes]:
        """The data set, piece by piece. Raises `UnreadableInstance`, also after some pieces."""


class _UncompressedOnly:
    """Without codecs."""

    def targets(self, stored: str, /) -> Collection[str]:
        return _PREFERRED if stored in UNCOMPRESSED else ()

    def convert(self, source: ByteSource, stored: str, target: str, /) -> Iterator[bytes]:
        return convert_uncompressed(source, stored, target)


UNCOMPRESSED_ONLY: Converter = _UncompressedOnly()


class Routes:
    """The presentation context for each kind of instance on one association."""

    def __init__(self, association: Association, converter: Converter = UNCOMPRESSED_ONLY) -> None:
        self._association = association
        self._converter = converter
        self._known: dict[InstanceKind, AcceptedContext | None] = {}

    def context_for(self, kind: InstanceKind) -> AcceptedContext | None:
        """The context with the stored transfer syntax, else one that it can be converted to."""
        if kind not in self._known:
            self._known[kind] = self._find(kind)
        return self._known[kind]

    def _find(self, kind: InstanceKind) -> AcceptedContext | None:
        stored = kind.transfer_syntax_uid
        wanted = (stored, *self._converter.targets(stored))
        found = (self._association.context_for(kind.sop_class_uid, syntax) for syntax in wanted)
        return next((context for context in found if context is not None), None)


def encoded_for(
    context: AcceptedContext,
    stored_syntax: str,
    data: ByteSource,
    converter: Converter = UNCOMPRESSED_ONLY,
) -> ByteSource | Iterator[bytes]:
    """The data set ``data``, stored in ``stored_syntax``, in the transfer syntax of ``context``."""
    if stored_syntax == context.transfer_syntax:
        return data
    return converter.convert(data, stored_syntax, context.transfer_syntax)


@dataclass(frozen=True, slots=True)
class _Wish:
    """A presentation context without its id."""

    sop_class_uid: str
    transfer_syntaxes: tuple[str, ...]


def proposals(
    kinds: Iterable[InstanceKind], converter: Converter = UNCOMPRESSED_ONLY
) -> list[tuple[ProposedContext, ...]]:
    """The presentation contexts to propose for exactly these kinds of instances.

    Each kind has a context of its own, so that the receiver cannot choose one transfer syntax for
    all; where one can be converted, further contexts offer what it can be made: the little endian
    transfer syntaxes, the other uncompressed ones, compressed ones. As many proposals as it takes:
    none has more than 128 contexts, or splits a SOP class.
    """
    syntaxes: dict[str, list[str]] = {}
    for kind in kinds:
        syntaxes.setdefault(kind.sop_class_uid, []).append(kind.transfer_syntax_uid)
    batches: list[list[_Wish]] = [[]]
    for sop_class, stored in sorted(syntaxes.items()):
        wishes = list(_wishes(sop_class, stored, converter))
        if len(batches[-1]) + len(wishes) > _MOST_CONTEXTS:
            batches.append([])
        batches[-1] += wishes
    return [_numbered(batch) for batch in batches if batch]


def _wishes(sop_class: str, stored: Collection[str], converter: Converter) -> Iterator[_Wish]:
    for syntax in sorted(stored):
        yield _Wish(sop_class, (syntax,))
    targets = chain.from_iterable(converter.targets(syntax) for syntax in sorted(stored))
    possible = dict.fromkeys(targets)  # in their order, which a set would not keep
    for group in _groups(possible):
        offered = tuple(each for each in group if each not in stored)
        if offered:
            yield _Wish(sop_class, offered)


def _groups(possible: Collection[str]) -> Iterator[list[str]]:
    """What is proposed together, for one of a group is as good to us as another."""
    yield [each for each in _OFFERED if each in possible]
    yield [each for each in _PREFERRED if each in possible and each not in _OFFERED]
    yield [each for each in possible if each not in UNCOMPRESSED]


def _numbered(wishes: Iterable[_Wish]) -> tuple[ProposedContext, ...]:
    return tuple(
        ProposedContext(
            context_id=2 * index + 1,
            abstract_syntax=wish.sop_class_uid,
            transfer_syntaxes=wish.transfer_syntaxes,
        )
        for index, wish in enumerate(wishes)
    )
