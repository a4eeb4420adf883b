"""Commands that make a new file of each file they are given: which ones, and where they go."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FileTask", "file_tasks", "sentence_of"]


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
        for where, folders, names in os.walk(path):
            here = Path(where)
            folders[:] = sorted(name for name in folders if (here / name).resolve() != written)
            yield from ((here / name, (here / name).relative_to(path)) for name in sorted(names))


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
