"""Rules for pixels written as a file (TOML)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from pacs_anonymize.pixels.document import PixelRuleEntry

__all__ = ["document_text"]


def document_text(description: str, entries: Iterable[PixelRuleEntry]) -> str:
    """A file that says the same."""
    lines = [f"description = {_text(description)}"]
    for entry in entries:
        lines += ["", "[[pixels]]", *_lines(entry)]
    return "\n".join(lines) + "\n"


def _lines(entry: PixelRuleEntry) -> Iterator[str]:
    for key, value in entry.model_dump(exclude_defaults=True).items():
        if isinstance(value, str):
            yield f"{key} = {_text(value)}"
        elif isinstance(value, bool):
            yield f"{key} = true"
        else:
            yield f"{key} = {[list(each) for each in value]}"


def _text(value: str) -> str:
    """A basic string of TOML, whose escapes are those of JSON; the same in single quotes is
    easier to read where conditions have quotation marks of their own.
    """
    if '"' in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
