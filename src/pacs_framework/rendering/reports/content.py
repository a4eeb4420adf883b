"""What a structured report says, in words: records that writers turn into text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["ContentItem", "Reference", "Report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An instance that is referred to, ``frames`` of it where they are named, or ``others`` of its
    parts, in words: segments, channels.

    Study and series are empty where the evidence of the report does not name the instance. ``by``
    is the presentation state that it is to be seen by.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    frames: tuple[int, ...] = ()
    others: str = ""
    by: Reference | None = None

    @property
    def parts(self) -> str:
        """Which parts of the instance, in words; empty for all of it."""
        frames = f"frames {', '.join(map(str, self.frames))}" if self.frames else ""
        return ", ".join(filter(None, (frames, self.others)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentItem:
    """One item of the content tree (PS3.3 C.17.3).

    ``position`` counts from 1 on each level, from the root on, which is (1,); ``relationship`` is
    that to the item above it, ``name`` the concept that it is of. ``value`` is told in words, and
    ``code`` is the code behind them. ``target`` is the position of the item that stands in its
    place, by reference. ``continuous`` has the items below read as one text.
    """

    position: tuple[int, ...]
    relationship: str = ""
    value_type: str = ""
    name: str = ""
    value: str = ""
    code: str = ""
    references: tuple[Reference, ...] = ()
    target: tuple[int, ...] = ()
    observed: str = ""
    continuous: bool = False

    @property
    def depth(self) -> int:
        """0 for the root."""
        return len(self.position) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """``facts`` are what its header says, by their labels; ``items`` all of its tree, in order.

    ``predecessors`` are the reports that it replaces or goes on from.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    items: Sequence[ContentItem]
    predecessors: Sequence[Reference] = ()
