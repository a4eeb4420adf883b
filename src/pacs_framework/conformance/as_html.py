"""A document as one HTML page: no script, nothing loaded from anywhere, fit to be printed."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from pacs_framework.conformance.document import (
    Block,
    Bullets,
    Contents,
    Document,
    Section,
    Table,
    Text,
)

__all__ = ["to_html"]

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }
h1, h2, h3, h4, h5, h6 { line-height: 1.25; margin: 1.6em 0 .5em; break-after: avoid; }
h1 { font-size: 1.9rem; } h2 { font-size: 1.45rem; border-bottom: 1px solid #c9d1d9; }
h3 { font-size: 1.2rem; } h4, h5, h6 { font-size: 1.02rem; }
table { border-collapse: collapse; width: 100%; margin: .6em 0 1.2em; font-size: .88rem; }
caption { text-align: left; font-style: italic; padding: .2em 0; }
th, td { border: 1px solid #c9d1d9; padding: .25em .5em; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }
th { background: #eef1f4; }
nav ul { list-style: none; padding-left: 1.2em; margin: 0; } nav > ul { padding-left: 0; }
a { color: #0b5394; text-decoration: none; } a:hover { text-decoration: underline; }
@media print { body { max-width: none; margin: 0; font-size: 10pt; } a { color: inherit; }
  h2 { break-before: page; } tr { break-inside: avoid; } thead { display: table-header-group; } }
"""
_DEEPEST = 6


def to_html(document: Document) -> str:
    """The whole page."""
    title = _plain(document.title)
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>",
        f"<style>{_STYLE}</style>",
        "</head>",
        "<body>",
        f"<h1>{title}</h1>",
        _table(document.cover),
        *(_section(section, document) for section in document.sections),
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def _section(section: Section, document: Document) -> str:
    level = min(section.depth + 1, _DEEPEST)
    heading = f"{section.number} {_plain(section.title)}"
    return "\n".join(
        (
            f'<section id="{section.anchor}">',
            f"<h{level}>{heading}</h{level}>",
            *(_block(block, document) for block in section.blocks),
            *(_section(inner, document) for inner in section.sections),
            "</section>",
        )
    )


def _block(block: Block, document: Document) -> str:
    match block:
        case Text(text):
            return f"<p>{_plain(text)}</p>"
        case Bullets(items):
            return f"<ul>{''.join(f'<li>{_plain(item)}</li>' for item in items)}</ul>"
        case Contents():
            return f"<nav>{_contents(document.sections)}</nav>"
        case Table():
            return _table(block)


def _contents(sections: tuple[Section, ...]) -> str:
    return f"<ul>{''.join(_entries(sections))}</ul>" if sections else ""


def _entries(sections: tuple[Section, ...]) -> Iterator[str]:
    for section in sections:
        link = f'<a href="#{section.anchor}">{section.number} {_plain(section.title)}</a>'
        yield f"<li>{link}{_contents(section.sections)}</li>"


def _table(table: Table) -> str:
    caption = f"<caption>{_plain(table.caption)}</caption>" if table.caption else ""
    head = "".join(f"<th>{_plain(column)}</th>" for column in table.columns)
    body = "\n".join(
        f"<tr>{''.join(f'<td>{_plain(cell)}</td>' for cell in row)}</tr>" for row in table.rows
    )
    return f"<table>{caption}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _plain(text: str) -> str:
    return escape(" ".join(text.split()))
