"""A report as plain text: one line for each item, indented by its place in the tree."""

from __future__ import annotations

from collections.abc import Iterator

from pacs_framework.rendering.reports.content import ContentItem, Reference, Report
from pacs_framework.rendering.reports.values import class_in_words

__all__ = ["in_plain_text"]


def in_plain_text(report: Report) -> Iterator[str]:
    """The text, line by line, each with its end."""
    yield f"{_clean(report.title)}\n\n"
    for label, value in report.facts:
        yield f"{label}: {_clean(value)}\n"
    for document in report.predecessors:
        yield f"Predecessor: {_referred(document)}\n"
    yield "\n"
    for item in report.items:
        yield from _lines(item)


def _lines(item: ContentItem) -> Iterator[str]:
    indent = "  " * item.depth
    first, *others = _clean(_words(item)).split("\n")
    # What is written over several lines starts below its name, so that it stays together.
    yield f"{indent}{first.rstrip()}\n"
    yield from (f"{indent}  {line.rstrip()}\n" for line in others)


def _words(item: ContentItem) -> str:
    head = item.name or item.value_type.lower()
    said = [item.value, *map(_referred, item.references)]
    if item.code:
        said.append(f"({item.code})")
    if item.target:
        said.append(f"see item {'.'.join(map(str, item.target))}")
    if item.observed:
        said.append(f"(observed {item.observed})")
    text = " ".join(filter(None, said))
    head += ":" if head and text else ""
    below = item.relationship.lower() if item.relationship not in ("", "CONTAINS") else ""
    start = " ".join(filter(None, (f"[{below}]" if below else "", head)))
    return f"{start}\n{text}" if "\n" in text else f"{start} {text}".strip()


def _referred(reference: Reference) -> str:
    words = f"{class_in_words(reference.sop_class_uid)} {reference.sop_instance_uid}"
    if reference.parts:
        words += f", {reference.parts}"
    if reference.by is not None:
        words += f", by presentation state {reference.by.sop_instance_uid}"
    return words


def _clean(text: str) -> str:
    """Without control characters: a terminal would obey them."""
    return "".join(each for each in text if each == "\n" or each.isprintable())
