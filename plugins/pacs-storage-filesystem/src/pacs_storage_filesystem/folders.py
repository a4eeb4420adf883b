"""Folders that are known to be durable, as open handles.

A file survives a power cut when it was synced, its entry in its folder was, and so was the entry of
every folder above it. Syncing all of them for each file would be slow, so those that were synced
once are remembered. A handle cannot be fooled: when the folder was removed meanwhile, it answers
that nothing can be made in it, even when another folder has its name by then.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

__all__ = ["Folder", "Folders"]

_REMEMBERED = 32
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Folder:
    """An open folder; closed when the last one who uses it lets go."""

    __slots__ = ("handle",)

    def __init__(self, name: str | Path, *, inside: Folder | None = None) -> None:
        self.handle = -1
        self.handle = os.open(name, _OPEN, dir_fd=None if inside is None else inside.handle)

    def sync(self) -> None:
        """Make the entries of the folder durable."""
        os.fsync(self.handle)

    def close(self) -> None:
        """Give the descriptor back; nobody may use it any more."""
        handle, self.handle = self.handle, -1
        if handle >= 0:
            os.close(handle)

    def __del__(self) -> None:
        self.close()


class Folders:
    """The folders below ``root``, by their relative path ``a/b/c``; the root itself is ``""``."""

    def __init__(self, root: Path) -> None:
        self._root = Folder(root)
        self._known: OrderedDict[str, Folder] = OrderedDict()
        self._present: OrderedDict[str, Folder] = OrderedDict()
        self._mutex = threading.Lock()

    def durable(self, path: str) -> Folder:
        """The folder at ``path``, made where it is missing, with every entry above it synced.

        Raises FileNotFoundError when a folder above it is removed at the same moment: call
        `forget` and try again.
        """
        if not path:
            return self._root
        with self._mutex:
            folder = self._known.get(path)
            if folder is not None:
                self._known.move_to_end(path)
                return folder
        parent_path, _, name = path.rpartition("/")
        folder = _make(name, self.durable(parent_path))
        with self._mutex:
            self._known[path] = folder
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return folder

    def present(self, path: str) -> Folder:
        """The folder at ``path``, made where it is missing, without any sync.

        Raises FileNotFoundError as `durable` does.
        """
        if not path:
            return self._root
        with self._mutex:
            folder = self._known.get(path) or self._present.get(path)
        if folder is not None:
            return folder
        parent_path, _, name = path.rpartition("/")
        folder = _made(name, self.present(parent_path))
        with self._mutex:
            self._present[path] = folder
            if len(self._present) > _REMEMBERED:
                self._present.popitem(last=False)
        return folder

    def close(self) -> None:
        """Give every descriptor back."""
        with self._mutex:
            self._known.clear()
            self._present.clear()
        self._root.close()

    def forget(self, path: str) -> None:
        """Believe nothing about ``path`` and the folders above it."""
        with self._mutex:
            while path:
                self._known.pop(path, None)
                self._present.pop(path, None)
                path = path.rpartition("/")[0]

    def remove_empty(self, path: str) -> None:
        """Remove the folder and those above it, as far up as nothing is left in them."""
        while path:
            parent_path, _, name = path.rpartition("/")
            try:
                parent = self._existing(parent_path)
                os.rmdir(name, dir_fd=parent.handle)
            except OSError:  # not empty, or somebody else was faster
                return
            self.forget(path)
            path = parent_path

    def _existing(self, path: str) -> Folder:
        """The folder at ``path`` as it is now. Raises FileNotFoundError."""
        return Folder(path, inside=self._root) if path else self._root


def _make(name: str, parent: Folder) -> Folder:
    """The folder ``name``, its entry in ``parent`` synced.

    Also when it was there: who made it may not have come to that yet.
    """
    folder = _made(name, parent)
    parent.sync()
    return folder


def _made(name: str, parent: Folder) -> Folder:
    with suppress(FileExistsError):
        os.mkdir(name, 0o750, dir_fd=parent.handle)
    return Folder(name, inside=parent)
