"""Bytecode that an environment has, for another that has the same files.

What pip-like tools install is compiled when it is first imported: some seconds of processor time
for each new environment, though the files are the same in all of them.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["share"]


def share(given: Path, taking: Path) -> int:
    """Link what is compiled below ``given`` to where the same source is below ``taking``.

    The number of files linked. As Python does, sources are told apart by their size and their time.
    """
    linked = 0
    for cache in given.rglob("__pycache__"):
        sources = taking / cache.parent.relative_to(given)
        if not sources.is_dir():
            continue
        for compiled in cache.glob("*.pyc"):
            source = f"{compiled.name.partition('.')[0]}.py"
            if _same(cache.parent / source, sources / source):
                linked += _link(compiled, sources / "__pycache__" / compiled.name)
    return linked


def _same(one: Path, other: Path) -> bool:
    try:
        a, b = one.stat(), other.stat()
    except FileNotFoundError:
        return False
    return (a.st_size, int(a.st_mtime)) == (b.st_size, int(b.st_mtime))


def _link(compiled: Path, place: Path) -> bool:
    """Whether it was linked; nothing is lost where it was not."""
    place.parent.mkdir(exist_ok=True)
    try:
        os.link(compiled, place)
    except OSError:  # it is there already, or on another disk
        return False
    return True
