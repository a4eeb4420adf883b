"""A whole archive in a process of its own, which runs ``pacs serve`` as a user does.

Processes are forked from one that has imported everything (`pacs_framework.testing.forked`), since
a start of Python with all plugins takes longer than most tests.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pacs_framework.testing.forked import Process, run_module, start_module
from pacs_framework.testing.guards import children_of

__all__ = ["ServedArchive", "served"]

_LISTENING = re.compile(r"listening on (\S+):(\d+)")
_DOOR = re.compile(r"  (\S+) +(\w+://\S+)$")
_STOP_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedArchive:
    """A running ``pacs serve``: where it listens, where its data and its log are."""

    host: str
    port: int
    aet: str
    data: Path
    config: Path
    log: Path
    process: Process
    environment: Mapping[str, str]
    doors: Mapping[str, str]
    """Where the doors of plugins are, by name: ``http://127.0.0.1:8042``."""

    def kill(self) -> None:
        """Kill the process that was started: no signal handler runs. Its workers see to it that
        they end soon after.
        """
        self.process.kill()
        self.process.wait(_STOP_SECONDS)

    def cut_power(self) -> None:
        """Kill it and its workers, all at once."""
        workers = children_of(self.process.pid)
        self.process.kill()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(_STOP_SECONDS)

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_STOP_SECONDS)

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run any ``pacs`` command, such as ``store HOST PORT PATH``, with the same plugins."""
        return run_module(_PACS, *map(str, arguments), environment=self.environment)

    def command(self, name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a command on the same archive, such as ``verify --json``."""
        return self.run(name, "--config", self.config, *arguments)

    def objects(self) -> list[Path]:
        """Copies of everything in its storage, as ``<SOP Instance UID>-<version>.dcm``."""
        target = self.data.parent / "objects-as-files"
        shutil.rmtree(target, ignore_errors=True)
        module = "pacs_framework.testing.stored"
        done = run_module(module, str(self.config), str(target), environment=self.environment)
        assert done.returncode == 0, done.stderr
        return sorted(target.iterdir())

    def log_text(self) -> str:
        """What it has logged so far."""
        return self.log.read_text(encoding="utf-8")


_PACS = "pacs_framework.cli"


@contextmanager
def served(
    folder: Path,
    *,
    config: str = "",
    aet: str = "PACS",
    options: Sequence[str] = (),
    plugins: Path | None = None,
    afresh: bool = False,
) -> Iterator[ServedArchive]:
    """Run an archive on a free port with its data in ``folder``; stopped when the block ends.

    ``config`` is TOML that is added to the generated file; ``plugins`` a folder of further
    distributions (`pacs_framework.testing.distributions`). Starting twice on one folder continues
    with its data. ``afresh`` starts a Python of its own: for what depends on how a process starts,
    or on what it has in memory. Raises RuntimeError with the log when the archive does not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file, log = folder / "pacs.toml", folder / "log.txt"
    file.write_text(f'[archive]\naet = "{aet}"\ndata = "{folder / "data"}"\n{config}', "utf-8")
    arguments = ["serve", "--config", str(file), "--port", "0", *options]
    environment = dict(os.environ)
    if plugins is not None:
        environment["PYTHONPATH"] = str(plugins)
    with (
        log.open("a", encoding="utf-8") as errors,
        start_module(
            _PACS, *arguments, stderr=errors, environment=environment, afresh=afresh
        ) as process,
    ):
        assert process.stdout is not None
        try:
            host, port, doors = _wait_until_listening(process.stdout, log)
            yield ServedArchive(
                host=host,
                port=port,
                aet=aet,
                data=folder / "data",
                config=file,
                log=log,
                process=process,
                environment=environment,
                doors=doors,
            )
        finally:
            process.stdout.close()
            if process.poll() is None:
                process.terminate()


def _wait_until_listening(output: IO[str], log: Path) -> tuple[str, int, dict[str, str]]:
    """Host, port and doors, as they are announced; doors follow upon the port."""
    said = []
    found: re.Match[str] | None = None
    doors: dict[str, str] = {}
    for line in output:
        said.append(line)
        if found is None:
            found = _LISTENING.search(line)
        elif door := _DOOR.match(line.rstrip()):
            doors[door[1]] = door[2]
        else:
            return found[1], int(found[2]), doors
    raise RuntimeError(f"the archive did not start:\n{''.join(said)}\n{log.read_text('utf-8')}")
