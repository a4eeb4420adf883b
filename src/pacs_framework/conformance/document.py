"""A document in memory: numbered sections of paragraphs, lists and tables, for any renderer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ["Block", "Bullets", "Contents", "Document", "Section", "Table", "Text", "numbered"]


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a caption; each row has a cell for each column."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"table {self.caption!r}: a row has not {len(self.columns)} cells")


@dataclass(frozen=True, slots=True)
class Contents:
    """The place of the table of contents."""


Block: TypeAlias = Text | Bullets | Table | Contents


@dataclass(slots=True, kw_only=True)
class Section:
    """A heading, what stands below it, and its sub-sections; `numbered` gives the number."""

    title: str
    blocks: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = ()
    label: str = ""
    number: str = field(default="", init=False)
    depth: int = field(default=1, init=False)

    @property
    def anchor(self) -> str:
        """What links point at; unique in a document, made of letters, digits and hyphens."""
        return "s-" + self.number.replace(".", "-").lower()

    def walk(self) -> Iterator[Section]:
        """This section and all below it, in reading order."""
        yield self
        for section in self.sections:
            yield from section.walk()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Title, the lines of the cover, and the sections in order."""

    title: str
    cover: Table
    sections: tuple[Section, ...]

    def walk(self) -> Iterator[Section]:
        """Every section in reading order."""
        for section in self.sections:
            yield from section.walk()


def numbered(sections: Sequence[Section]) -> tuple[Section, ...]:
    """Number the sections 1, 1.1, 1.1.1 …; one with a ``label`` (an annex) has that instead."""
    for position, section in enumerate(sections, start=1):
        _number(section, section.label or str(position), 1)
    return tuple(sections)


def _number(section: Section, number: str, depth: int) -> None:
    section.number, section.depth = number, depth
    for position, inner in enumerate(section.sections, start=1):
        _number(inner, f"{number}.{position}", depth + 1)
