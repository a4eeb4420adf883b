"""Who may know whom inside the plugin: films know no wire and no queue, services no outputs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pacs_print

SOURCE = Path(pacs_print.__path__[0])
GROUND = {"film", "terms", "layout", "printers", "limits", "sheet"}

# What a room may import of the plugin, besides itself and the ground floor.
MAY_KNOW = {
    "terms": set[str](),
    "film": set[str](),
    "layout": set[str](),
    "sheet": {"grayscale"},
    "grayscale": set[str](),
    "placing": set[str](),
    "magnifying": {"placing"},
    "lettering": set[str](),
    "composing": {"grayscale", "lettering", "magnifying", "placing"},
    "patterns": {"placing"},
    "outputs": {"lettering"},
    "hookspecs": {"outputs"},
    "api": {"outputs"},
}
# Only these may know an archive: a film is a film, wherever its images come from.
MAY_KNOW_ARCHIVE = {"outputs", "hookspecs"}


def imports(path: Path) -> Iterator[str]:
    """All of them, also those for types alone."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def files_of(room: str) -> list[Path]:
    folder = SOURCE / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


@pytest.mark.parametrize("room", MAY_KNOW)
def test_a_room_knows_what_stands_below_it(room):
    allowed = {room} | GROUND | MAY_KNOW[room]
    for path in files_of(room):
        names = [name for name in imports(path) if name.startswith("pacs_print.")]
        rooms = {name.split(".")[1] for name in names}
        assert rooms <= allowed, f"{path.name} imports {rooms - allowed}"


@pytest.mark.parametrize("room", MAY_KNOW)
def test_films_know_no_wire_no_archive_and_no_database(room):
    forbidden = ["pynetdicom", "sqlalchemy", "pacs_framework.network", "pacs_framework.tables"]
    if room not in MAY_KNOW_ARCHIVE:
        forbidden.append("pacs_framework.archive")
    for path in files_of(room):
        for name in imports(path):
            assert not name.startswith(tuple(forbidden)), f"{path.name} imports {name}"


def test_settings_are_read_without_what_draws():
    """Every command reads them; NumPy, Pillow and reportlab are for those who print."""
    program = (
        "import sys, pacs_print.plugin, pacs_print.settings\n"
        "print(sorted({'numpy', 'PIL', 'reportlab', 'httpx'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == "[]"
