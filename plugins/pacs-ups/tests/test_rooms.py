"""Who may know whom inside the plugin."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pacs_ups.state

_FORBIDDEN = (
    "pynetdicom",
    "pacs_framework.network",
    "pacs_framework.archive",
    "pacs_framework.cli",
)
_WITHIN = ("pacs_ups.state", "pacs_ups.tables")


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_the_state_knows_no_transport() -> None:
    """So that UPS-RS can stand on it beside DIMSE (PS3.4 CC.1)."""
    files = sorted(Path(pacs_ups.state.__path__[0]).glob("*.py"))
    assert len(files) > 5
    for path in files:
        for name in _imported(path):
            assert not name.startswith(_FORBIDDEN), f"{path.name} imports {name}"
            if name.startswith("pacs_ups"):
                assert name.startswith(_WITHIN), f"{path.name} imports {name}"
