"""Commands that make files of what is in DICOM files: many at a time, each whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click

from pacs_framework.cli.files import FileTask, in_threads, sentence_of
from pacs_framework.errors import PacsError
from pacs_framework.whole_file import whole_file

__all__ = ["MissingExtra", "NewFile", "NewFiles", "Work", "named", "print_new_files", "run_tasks"]

_FRAME_DIGITS = 4
_EXTRA = ("numpy", "PIL")


class MissingExtra(click.ClickException):
    """NumPy or Pillow, which a command needs, is not installed."""

    exit_code = 2

    def __init__(self, command: str, error: ImportError) -> None:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise error  # a fault of something that is installed
        super().__init__(f"{command} needs {error.name}: pip install 'pacs-framework[render]'")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file that was made of ``path``, or why it was not. ``frame`` is None for all, or none."""

    path: Path
    output: Path | None = None
    frame: int | None = None
    size: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    def row(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "path": str(self.path),
            "output": "" if self.output is None else str(self.output),
            "frame": self.frame,
            "bytes": self.size,
            **self.facts,
            "error": self.error,
        }


class NewFiles:
    """Writes files; none that was there unless ``overwrite``, and never one of this very run.

    Safe to use from many threads. After `stop`, nothing more is written.
    """

    def __init__(self, *, overwrite: bool) -> None:
        self._overwrite = overwrite
        self._taken: set[Path] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """Have every file that is not begun fail."""
        self._stopped = True

    def write(self, destination: Path, pieces: Iterable[bytes]) -> int:
        """Write all ``pieces``; the bytes of the new file. Raises OSError and what they raise."""
        if self._stopped:
            raise PacsError("interrupted")
        with self._lock:
            if destination in self._taken:
                raise PacsError(f"another file was written to {destination} too; give them apart")
            self._taken.add(destination)
        size = 0
        with whole_file(destination, overwrite=self._overwrite) as writer:
            for piece in pieces:
                size += writer.write(piece)
        return size


Work = Callable[[FileTask], Iterator[NewFile]]
"""Makes the files of a task; what it raises as `PacsError` or OSError ends this task only."""


def run_tasks(
    work: Work, tasks: Sequence[FileTask], jobs: int, files: NewFiles
) -> Iterator[list[NewFile]]:
    """What became of each task, in their order, ``jobs`` at a time."""
    return in_threads(partial(_done, work), tasks, jobs, stop=files.stop)


def _done(work: Work, task: FileTask) -> list[NewFile]:
    made: list[NewFile] = []
    if task.refused:
        return [NewFile(path=task.source, error=task.refused)]
    try:
        for each in work(task):
            made.append(each)  # noqa: PERF402 - what was made before a failure is there
    except MemoryError:
        made.append(NewFile(path=task.source, error="it takes more memory than there is"))
    except OSError as error:
        made.append(NewFile(path=task.source, error=sentence_of(error)))
    except PacsError as error:
        made.append(NewFile(path=task.source, error=str(error)))
    return made


def named(place: Path, frame: int | None, frames: int, suffix: str) -> Path:
    """``place`` with ``suffix``, and with the number of the ``frame`` where there are several."""
    several = frame is not None and frames > 1
    digits = max(_FRAME_DIGITS, len(str(frames)))
    return place.with_name(f"{place.name}{f'.{frame:0{digits}}' if several else ''}{suffix}")


def print_new_files(results: Sequence[NewFile], noun: str) -> None:
    """Failures on standard error, and how many there are of both."""
    if not results:
        click.echo("there are no files", err=True)
    failed = [result for result in results if result.error]
    for result in failed:
        click.echo(f"{result.path}: {result.error}", err=True)
    size = sum(result.size for result in results)
    number = len(results) - len(failed)
    made = f"{number} {noun}{'' if number == 1 else 's'}"
    click.echo(f"{made}, {size / 1e6:.1f} MB, {len(failed)} failed")
