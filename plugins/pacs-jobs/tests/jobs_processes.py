"""Slow work for archives in processes of their own, and their commands."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from pacs_framework.testing.distributions import install_distribution
from pacs_framework.testing.process import ServedArchive

__all__ = ["Slow", "run", "shown"]

_PLUGIN = """
    import os, pathlib
    from pacs_framework import hookimpl
    from pacs_framework.jobs import JobKind
    from pacs_framework.tables import Pauses

    def work(context):
        folder = pathlib.Path(context.payload["folder"])
        with (folder / "begun").open("a") as file:
            file.write(f"{context.key} {os.getpid()}\\n")
        context.progress(1, 2, "waits")
        while not (folder / "go").exists():
            context.check()
            context.cancelled.wait(0.02)
        with (folder / "done").open("a") as file:
            file.write(f"{context.key}\\n")
        return {"pid": os.getpid()}

    @hookimpl
    def job_kinds():
        return [JobKind(name="slow", description="Waits for a file", run=work, at_once=4,
                        pauses=Pauses(first=0.05, longest=0.1))]
"""


class Slow:
    """Work that waits until it is let go; ``plugins`` goes to `served`. ``does`` is the source of a
    plugin that does it otherwise.
    """

    def __init__(self, folder: Path, *, does: str = _PLUGIN) -> None:
        self.plugins = folder / "plugins"
        self.folder = folder / "work"
        self.folder.mkdir(parents=True)
        install_distribution(self.plugins, "pacs-slow", {"slow": does})

    def let_go(self) -> None:
        """Nobody waits any more."""
        (self.folder / "go").touch()

    def start(self, archive: ServedArchive, key: str) -> str:
        """Put in a job; its id."""
        parameter = f"folder={self.folder}"
        return run(archive, "start", "slow", "-p", parameter, "--key", key).strip()

    def begun(self, count: int) -> list[tuple[str, int]]:
        """Wait until so many runs have begun: their keys and processes, in order."""
        return [(key, int(pid)) for key, pid in map(str.split, self._lines("begun", count))]

    def done(self) -> list[str]:
        """The keys of the runs that came to their end."""
        return self._lines("done", 0)

    def _lines(self, name: str, count: int) -> list[str]:
        deadline = time.monotonic() + 60
        file = self.folder / name
        while True:
            text = file.read_text() if file.exists() else ""
            lines = text[: text.rfind("\n") + 1].splitlines()
            if len(lines) >= count:
                return lines
            assert time.monotonic() < deadline, lines
            time.sleep(0.02)


def run(archive: ServedArchive, command: str, *arguments: str) -> str:
    """What a command of ``pacs jobs`` prints, which has to succeed."""
    done = archive.run("jobs", command, "--config", archive.config, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shown(archive: ServedArchive, job_id: str) -> dict[str, Any]:
    """A job as ``pacs jobs show --json`` prints it."""
    facts: dict[str, Any] = json.loads(run(archive, "show", job_id, "--json"))
    return facts
