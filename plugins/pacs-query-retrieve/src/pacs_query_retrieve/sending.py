"""What goes out in another transfer syntax because a rule for the recipient asks for it.

A rule never keeps an instance back: where it cannot be done, the instance goes out as to everybody
else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pacs_framework.codecs.syntaxes import is_lossless
from pacs_framework.dicom.file_meta import InstanceKind
from pacs_framework.network.service import AcceptedContext

if TYPE_CHECKING:
    from pacs_framework.archive.retrieve import OpenInstance
    from pacs_framework.codecs.transcoding import Transcoding
    from pacs_framework.storage import ByteSource
    from pacs_query_retrieve.settings import SendAs

__all__ = ["Chosen", "Outgoing", "Sending", "check_rules"]

ContextFor = Callable[[InstanceKind], AcceptedContext | None]
"""The context that a kind of instance would go out in, as its receiver negotiated."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A rule, and the kind of instance that it makes."""

    rule: SendAs
    kind: InstanceKind


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A data set as it is sent; with loss it is another instance than the one that is stored."""

    sop_instance_uid: str
    data: ByteSource | Iterator[bytes]


def check_rules(rules: Iterable[SendAs], transcoding: Transcoding) -> None:
    """Raises ValueError for a rule that no installed codec can follow."""
    for rule in rules:
        if rule.loss is None:
            transcoding.check_target(rule.to)
        else:
            transcoding.check_lossy_target(rule.to, rule.loss)


class Sending:
    """The rules that are for one recipient, the first that fits an instance counts."""

    def __init__(self, rules: Iterable[SendAs], aet: str, transcoding: Transcoding) -> None:
        self._rules: Sequence[SendAs] = [
            rule for rule in rules if any(fnmatchcase(aet, pattern) for pattern in rule.aet)
        ]
        self._transcoding = transcoding

    def proposed(self, kinds: Iterable[InstanceKind]) -> list[InstanceKind]:
        """``kinds``, and what the rules would make of them, for contexts to be proposed."""
        found = dict.fromkeys(kinds)
        for kind in list(found):
            rule = self._rule(kind)
            if rule is not None:
                found[_made_by(rule, kind)] = None
        return list(found)

    def choose(self, kind: InstanceKind, context_for: ContextFor) -> Chosen | None:
        """The rule by which such an instance goes out, and its context; None to go as it may.

        The receiver has to have taken the transfer syntax of the rule.
        """
        rule = self._rule(kind)
        if rule is None:
            return None
        asked = _made_by(rule, kind)
        context = context_for(asked)
        if context is None or context.transfer_syntax != rule.to:
            return None
        if not rule.always:
            usual = context_for(kind)
            if usual is not None and usual.transfer_syntax == kind.transfer_syntax_uid:
                return None
        return Chosen(rule, asked)

    def _rule(self, kind: InstanceKind) -> SendAs | None:
        stored = kind.transfer_syntax_uid
        for rule in self._rules:
            if not rule.sop_class or kind.sop_class_uid in rule.sop_class:
                # What has lost something before is never made to lose more.
                fits = rule.loss is None or is_lossless(stored)
                return rule if fits and stored != rule.to else None
        return None

    def encode(self, rule: SendAs, opened: OpenInstance) -> Outgoing:
        """The instance as ``rule`` wants it, all of it before the first piece is sent.

        Raises `UnreadableInstance` (`NoPixelData` where there is no image) and `StorageError`.
        """
        instance, data = opened.instance, opened.data
        stored = instance.transfer_syntax_uid
        if rule.loss is None:
            pieces = self._transcoding.convert(data, stored, rule.to)
            return Outgoing(instance.sop_instance_uid, pieces)
        derived = self._transcoding.derive(data, stored, rule.to, rule.loss)
        return Outgoing(derived.sop_instance_uid, derived.pieces)


def _made_by(rule: SendAs, kind: InstanceKind) -> InstanceKind:
    return InstanceKind(sop_class_uid=kind.sop_class_uid, transfer_syntax_uid=rule.to)
