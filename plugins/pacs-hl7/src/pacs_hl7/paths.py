"""Field paths of mapping files: ``PID-5``, ``OBR-4.1``, ``PID-3.1[5=MR|PI]``, ``OBR-27.4.1``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pacs_hl7.message import Message, Segment

__all__ = ["NOTHING", "Found", "Path"]

_SYNTAX = re.compile(
    r"(?P<segment>[A-Z][A-Z0-9]{2})-(?P<field>\d{1,3})"
    r"(?:\.(?P<component>\d{1,2}))?(?:\.(?P<sub>\d{1,2}))?"
    r"(?:\[(?P<number>\d{1,2})=(?P<values>[^\]]*)\])?"
)
NOTHING = '""'
"""What a field says that is to be emptied; one that is left out says nothing (HL7 2.5, 2.5.3.2)."""


@dataclass(frozen=True, slots=True)
class Found:
    """A value that a path leads to: the repetition as written, with the message to read it by."""

    message: Message
    repetition: str
    segment: Segment
    repetitions: tuple[str, ...]

    def text(self, component: int = 1, sub: int = 1) -> str:
        """A component as text."""
        return self.message.component(self.repetition, component, sub)

    def texts(self, component: int = 1, sub: int = 1) -> list[str]:
        """The same of every repetition that has it."""
        every = (self.message.component(each, component, sub) for each in self.repetitions)
        return [text for text in every if text]


@dataclass(frozen=True, slots=True)
class Path:
    """Where in a message a value stands."""

    segment: str
    field: int
    component: int = 0
    sub: int = 1
    condition: int = 0
    values: frozenset[str] = frozenset()

    @classmethod
    def parsed(cls, text: str) -> Path:
        """The path that ``text`` writes. Raises ValueError."""
        match = _SYNTAX.fullmatch(text)
        if match is None or match["field"] == "0":
            raise ValueError(
                f"{text!r} is no field path; write SEGMENT-FIELD, SEGMENT-FIELD.COMPONENT or "
                "SEGMENT-FIELD.COMPONENT[COMPONENT=VALUE|VALUE]"
            )
        return cls(
            match["segment"],
            int(match["field"]),
            int(match["component"] or 0),
            int(match["sub"] or 1),
            int(match["number"] or 0),
            frozenset((match["values"] or "").split("|")),
        )

    def __str__(self) -> str:
        return f"{self.segment}-{self.field}"

    def find(self, message: Message, segments: Iterable[Segment]) -> Found | None:
        """The first repetition that fits and is not empty, in the first segment that has one."""
        for segment in segments:
            if segment.name != self.segment:
                continue
            every = tuple(message.repetitions(segment.field(self.field)))
            for repetition in every:
                if self._fits(message, repetition):
                    return Found(message, repetition, segment, every)
        return None

    def _fits(self, message: Message, repetition: str) -> bool:
        if self.condition and message.component(repetition, self.condition) not in self.values:
            return False
        if self.component:
            return bool(message.component(repetition, self.component, self.sub))
        return any(message.components(repetition))
