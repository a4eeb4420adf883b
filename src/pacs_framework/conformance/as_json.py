"""A statement as JSON: the facts, with the names of the records' fields as keys."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from pacs_framework.conformance.statement import Statement

__all__ = ["plain", "to_json"]


def plain(statement: Statement, date: str) -> dict[str, Any]:
    """Plain values; ``date`` is that of the document, empty for none."""
    return {"date": date, **asdict(statement)}


def to_json(statement: Statement, date: str) -> str:
    """The same text for the same facts."""
    return json.dumps(plain(statement, date), indent=2, ensure_ascii=False) + "\n"
