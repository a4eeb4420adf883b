"""Commands that make new files of those they are given: which ones, where to, how many at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "FileTask",
    "file_tasks",
    "files_below",
    "in_threads",
    "jobs_option",
    "overwrite_option",
    "sentence_of",
]

_F = TypeVar("_F", bound=Callable[..., Any])
_Result = TypeVar("_Result")


def jobs_option(of: str) -> Callable[[_F], _F]:
    """Add ``--jobs``, whose help says what there are so many ``of``."""
    return click.option(
        "--jobs",
        type=click.IntRange(min=1),
        default=lambda: len(os.sched_getaffinity(0)),
        show_default="one for each processor",
        help=of,
    )


def overwrite_option(command: _F) -> _F:
    """Add ``--overwrite``."""
    decorate = click.option("--overwrite", is_flag=True, help="Replace files that are there.")
    return decorate(command)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTask:
    """A file and where it goes; where ``refused`` says something, it must not."""

    source: Path
    destination: Path
    refused: str = ""


def file_tasks(paths: Iterable[Path], output: Path, *, suffix: str = "") -> Iterator[FileTask]:
    """Each file once, those of a folder keep their places below ``output``.

    With ``suffix``, the new names end in it; numbers behind a dot, as UIDs have them, stay. Of two
    files that would have one name the second is refused.
    """
    taken: dict[Path, Path] = {}
    for source, place in _files(paths, output):
        destination = output / (_renamed(place, suffix) if suffix else place)
        first = taken.setdefault(destination, source)
        same = first is not source
        refused = f"{first} is written to {destination} too; give them apart" if same else ""
        yield FileTask(source=source, destination=destination, refused=refused)


def _files(paths: Iterable[Path], output: Path) -> Iterator[tuple[Path, Path]]:
    """Files, and their places below the output folder, which is not looked into."""
    written = output.resolve()
    for path in paths:
        if not path.is_dir():
            yield path, Path(path.name)
            continue
        yield from ((each, each.relative_to(path)) for each in files_below(path, without=written))


def files_below(folder: Path, *, without: Path | None = None) -> Iterator[Path]:
    """The files of a folder and those below it, sorted, but for a folder ``without`` (resolved).

    No pipes, sockets and devices: whoever opens one may wait for ever.
    """
    for where, folders, names in os.walk(folder):
        here = Path(where)
        folders.sort()
        if without is not None:
            folders[:] = [name for name in folders if (here / name).resolve() != without]
        found = (here / name for name in sorted(names))
        yield from (each for each in found if not _is_special(each))


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


def _renamed(place: Path, suffix: str) -> Path:
    """Of the images 1.2.1 and 1.2.2 both would be 1.2.png if their last numbers were suffixes."""
    if place.suffix[1:].isdecimal():
        return place.with_name(place.name + suffix)
    return place.with_suffix(suffix)


def sentence_of(error: OSError) -> str:
    """What to tell of a file that could not be read or written."""
    if isinstance(error, FileExistsError):
        return f"{error.filename} is there already; --overwrite replaces it"
    return str(error)


def in_threads(
    work: Callable[[FileTask], _Result],
    tasks: Sequence[FileTask],
    jobs: int,
    *,
    stop: Callable[[], None],
) -> Iterator[_Result]:
    """What became of each task, in their order, ``jobs`` at a time.

    ``stop`` is called where nobody waits any more: it has what is under way end soon.
    """
    with ThreadPoolExecutor(jobs, thread_name_prefix="files") as threads:
        futures = [threads.submit(work, task) for task in tasks]
        try:
            for future in futures:
                yield future.result()
        except BaseException:  # Ctrl-C: nobody waits for files of a thousand frames
            stop()
            raise
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
