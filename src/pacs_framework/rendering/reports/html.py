"""A report as a page of HTML: one file, without scripts, and nothing of the report is markup."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape

from pacs_framework.rendering.reports.content import ContentItem, Reference, Report
from pacs_framework.rendering.reports.values import class_in_words

__all__ = ["Address", "in_html"]

Address = Callable[[Reference], str]
"""Where an instance can be seen; empty where nobody knows."""

_DEEPEST_HEADING = 6
_STYLE = """
body { font-family: sans-serif; line-height: 1.4; max-width: 60em; margin: 1em }
th { text-align: left; padding-right: 1em; font-weight: normal; color: #555; vertical-align: top }
.item .item { margin-left: 1.2em }
.name { font-weight: bold }
.note { color: #555; font-size: 85% }
.value { white-space: pre-wrap }
.continuous > .item { display: inline; margin: 0 }
"""


def in_html(report: Report, address: Address) -> Iterator[str]:
    """The page in pieces; links lead where ``address`` says."""
    title = _escaped(report.title)
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<table>\n"
    )
    for label, value in report.facts:
        yield f"<tr><th>{_escaped(label)}</th><td>{_escaped(value)}</td></tr>\n"
    for document in report.predecessors:
        yield f"<tr><th>Predecessor</th><td>{_link(document, address)}</td></tr>\n"
    yield "</table>\n<hr>\n"
    yield from _tree(report, address)
    yield "</body>\n</html>\n"


def _tree(report: Report, address: Address) -> Iterator[str]:
    """Each item within the one above it."""
    open_items = 0
    for item in report.items:
        yield "</div>\n" * (open_items - item.depth)
        open_items = item.depth + 1
        kind = "item continuous" if item.continuous else "item"
        yield f'<div class="{kind}" id="{_anchor(item.position)}">\n{_said(item, address)}\n'
    yield "</div>\n" * open_items


def _said(item: ContentItem, address: Address) -> str:
    note = item.relationship.lower() if item.relationship not in ("", "CONTAINS") else ""
    parts = [
        f'<span class="note">{_escaped(note)}</span>' if note else "",
        _named(item),
        f'<span class="value"{_title(item.code)}>{_escaped(item.value)}</span>'
        if item.value
        else "",
        *(_link(each, address) for each in item.references),
        _by_reference(item),
        f'<span class="note">(observed {_escaped(item.observed)})</span>' if item.observed else "",
    ]
    return " ".join(filter(None, parts))


def _named(item: ContentItem) -> str:
    name = _escaped(item.name)
    if item.value_type == "CONTAINER" and name:
        level = min(item.depth + 1, _DEEPEST_HEADING)
        return f"<h{level}>{name}</h{level}>"
    return f'<span class="name">{name}:</span>' if name else ""


def _title(code: str) -> str:
    return f' title="{_escaped(code)}"' if code else ""


def _by_reference(item: ContentItem) -> str:
    if not item.target:
        return ""
    return f'<a href="#{_anchor(item.target)}">see item {".".join(map(str, item.target))}</a>'


def _link(reference: Reference, address: Address) -> str:
    words = class_in_words(reference.sop_class_uid) or "instance"
    if reference.parts:
        words += f", {reference.parts}"
    if reference.by is not None:
        words += ", by a presentation state"
    where = address(reference)
    uid = f'<span class="note">{_escaped(reference.sop_instance_uid)}</span>'
    if not where:
        return f"{_escaped(words)} {uid}"
    return f'<a href="{_escaped(where)}">{_escaped(words)}</a>'


def _anchor(position: tuple[int, ...]) -> str:
    return "item-" + "-".join(map(str, position))


def _escaped(text: str) -> str:
    """Without control characters, which HTML has none of, and with nothing that is markup."""
    return escape("".join(each for each in text if each in "\n\t" or each >= " "))
