"""A document as Markdown: CommonMark with tables, and links to headings as code hosts make them.

They give addresses to the first four levels of headings, so the contents end there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pacs_framework.conformance.document import (
    Block,
    Bullets,
    Contents,
    Document,
    Section,
    Table,
    Text,
)

__all__ = ["to_markdown"]

# Underscores within a word mean nothing, so that names of settings can stay as they are.
_special = re.compile(r"[\\`*\[\]<>|~#]|(?<!\w)_|_(?!\w)")
_begins_a_block = re.compile(r"^(\d*)([-+=.)])")
_in_no_address = re.compile(r"[^\w\- ]")
_DEEPEST = 6
_ADDRESSED = 4


def to_markdown(document: Document) -> str:
    """The whole text, with a line feed at its end."""
    parts = [f"# {_plain(document.title)}", _table(document.cover)]
    for section in document.walk():
        parts += _section(section, document)
    return "\n\n".join(parts) + "\n"


def _section(section: Section, document: Document) -> Iterator[str]:
    marks = "#" * min(section.depth + 1, _DEEPEST)
    yield f"{marks} {_plain(_heading(section))}"
    for block in section.blocks:
        yield _block(block, document)


def _block(block: Block, document: Document) -> str:
    match block:
        case Text(text):
            return _line(text)
        case Bullets(items):
            return "\n".join(f"- {_line(item)}" for item in items)
        case Contents():
            addressed = (each for each in document.walk() if each.depth < _ADDRESSED)
            return "\n".join(_entry(section) for section in addressed)
        case Table():
            return f"*{_plain(block.caption)}*\n\n{_table(block)}"


def _entry(section: Section) -> str:
    indent = "  " * (section.depth - 1)
    return f"{indent}- [{_plain(_heading(section))}](#{_address(_heading(section))})"


def _heading(section: Section) -> str:
    return f"{section.number} {section.title}"


def _address(heading: str) -> str:
    """Letters, digits, hyphens and underscores of a heading; numbers make it unique."""
    return _in_no_address.sub("", " ".join(heading.lower().split())).replace(" ", "-")


def _table(table: Table) -> str:
    columns, rule = map(_plain, table.columns), ("---",) * len(table.columns)
    rows = [columns, rule, *(map(_plain, row) for row in table.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _line(text: str) -> str:
    """Text at the start of a line, where some characters would begin a list or a heading."""
    return _begins_a_block.sub(r"\1\\\2", _plain(text))


def _plain(text: str) -> str:
    """Text that stands for itself, on one line."""
    line = " ".join(text.split()).replace("&", "&amp;")
    return _special.sub(lambda found: f"\\{found[0]}", line)
