"""What the tests of isolation share: a plugin that behaves, and a look at the archive."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pacs_framework.live import ask
from pacs_framework.plugins.look import Look
from pacs_framework.testing.process import ServedArchive

Serve = Callable[..., ServedArchive]

DEADLINE = 30.0  # seconds after which a test has failed

NOTES = """
    import os
    from pathlib import Path
    from pacs_framework import hookimpl

    @hookimpl
    def on_stored(change):
        with Path(os.environ["ISOLATION_NOTES"]).open("a") as notes:
            notes.write(f"{change.sop_instance_uid}\\n")
"""
"""A well-behaved plugin that notes what it learns of."""


class Notes:
    """What the plugin `NOTES` has noted, and whether others are told to misbehave."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "notes"
        self.mended = folder / "mended"

    def uids(self) -> list[str]:
        return self.file.read_text().split() if self.file.exists() else []

    def mend(self) -> None:
        """From now on the plugin that misbehaves does no more."""
        self.mended.touch()


def limits(**options: object) -> str:
    """The section with the limits of the plugin ``bad``."""
    lines = (f"{name} = {json.dumps(value)}" for name, value in options.items())
    return "\n".join(["[plugins.limits.bad]", *lines, ""])


def eventually(look: Callable[[], Any]) -> Any:
    """The first true answer of ``look``."""
    deadline = time.monotonic() + DEADLINE
    while not (answer := look()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
    return answer


def log_lines(archive: ServedArchive, plugin: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in archive.log_text().splitlines() if line[:1] == "{"]
    return [line for line in lines if line.get("plugin") == plugin]


def pacs(archive: ServedArchive, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command on the archive, with the plugins that it has."""
    return archive.run(*arguments, "--config", archive.config)


def hook_figures(archive: ServedArchive, plugin: str, hook: str) -> dict[str, Any]:
    """What the archive tells of one hook when it is asked, as ``pacs plugins --top`` does."""
    rows = Look(ask(archive.data, "figures")).rows()
    (row,) = (r for r in rows if (r.figures.plugin, r.figures.hook) == (plugin, hook))
    return row.as_json()
