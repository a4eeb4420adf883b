"""A disk that fails: calls of the operating system below one folder, as a test tells them to."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

__all__ = ["DiskCall", "FaultyDisk"]

_BY_HANDLE = (
    "write",
    "pwrite",
    "writev",
    "pwritev",
    "fsync",
    "fdatasync",
    "ftruncate",
    "posix_fallocate",
)
_BY_PATH = ("open", "mkdir", "unlink", "rmdir", "rename", "replace", "link", "stat", "statvfs")
_TORN = ("write", "pwrite", "writev", "pwritev")

Kind = Literal["file", "folder"]


@dataclass(frozen=True, slots=True)
class DiskCall:
    """A call that was made: the name of the function in `os`, and the path that it is about."""

    name: str
    path: Path


@dataclass(slots=True)
class _Fault:
    name: str
    action: Callable[..., Any]
    path: str
    kind: Kind | None
    creating: bool
    skip: int
    times: int | None

    def hits(self, name: str, path: Path, arguments: tuple[Any, ...]) -> bool:
        """Whether it is this call's turn to go wrong; counts the calls that fit."""
        if name != self.name or not path.match(self.path) or not self._fits(path, arguments):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            if not self.times:
                return False
            self.times -= 1
        return True

    def _fits(self, path: Path, arguments: tuple[Any, ...]) -> bool:
        if self.creating and not (len(arguments) > 1 and arguments[1] & os.O_CREAT):
            return False
        return self.kind is None or _is_folder(path) == (self.kind == "folder")


class FaultyDisk:
    """Lets functions of `os` fail where they are about something below ``root``.

    `calls` records every such call, for tests of the order in which things are synced. Code that
    was compiled, such as SQLite, calls the system by itself and does not notice.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self.root = root.resolve()
        self.calls: list[DiskCall] = []
        self._faults: list[_Fault] = []
        self._originals = {name: getattr(os, name) for name in (*_BY_HANDLE, *_BY_PATH)}
        for name, original in self._originals.items():
            monkeypatch.setattr(os, name, self._watched(name, original))

    def fail(
        self,
        name: str,
        number: int,
        *,
        path: str = "*",
        kind: Kind | None = None,
        creating: bool = False,
        after: int = 0,
        times: int | None = None,
    ) -> None:
        """Let `os.NAME` raise OSError with errno ``number``.

        path
            A pattern for the end of the path, as of `pathlib.PurePath.match`.
        kind
            Only of files, or only of folders.
        creating
            Of `os.open`, only calls that may make a file.
        after, times
            The first calls that succeed, and how many then fail; all of them when None.
        """

        def failing(*_arguments: object, **_options: object) -> object:
            raise OSError(number, os.strerror(number))

        self._add(name, failing, path, kind, creating, after, times)

    def tear(
        self,
        name: str,
        keep: int,
        number: int = 0,
        *,
        path: str = "*",
        after: int = 0,
        times: int | None = None,
    ) -> None:
        """Let a write keep only the first ``keep`` bytes: a short write, which its result tells, or
        with errno ``number`` a torn one, which raises OSError all the same.
        """
        if name not in _TORN:
            raise ValueError(f"os.{name} writes nothing; one of {', '.join(_TORN)} does")
        original = self._originals[name]

        def torn(handle: int, data: Any, *arguments: Any, **options: Any) -> int:
            written: int = original(handle, _shortened(data, keep), *arguments, **options)
            if number:
                raise OSError(number, os.strerror(number))
            return written

        self._add(name, torn, path, None, False, after, times)

    def heal(self) -> None:
        """Nothing fails any more."""
        self._faults.clear()

    def names(self, *wanted: str) -> list[str]:
        """The recorded calls as ``NAME file`` or ``NAME folder``, those of ``wanted`` alone."""
        return [
            f"{call.name} {'folder' if _is_folder(call.path) else 'file'}"
            for call in self.calls
            if not wanted or call.name in wanted
        ]

    def _add(
        self,
        name: str,
        action: Callable[..., Any],
        path: str,
        kind: Kind | None,
        creating: bool,
        after: int,
        times: int | None,
    ) -> None:
        if name not in self._originals:
            raise ValueError(f"os.{name} is not watched; known are {', '.join(self._originals)}")
        self._faults.append(
            _Fault(
                name=name,
                action=action,
                path=path,
                kind=kind,
                creating=creating,
                skip=after,
                times=times,
            )
        )

    def _watched(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **options: Any) -> Any:
            path = self._path_of(name, arguments, options)
            if path is None or not path.is_relative_to(self.root):
                return original(*arguments, **options)
            self.calls.append(DiskCall(name, path))
            for fault in self._faults:
                if fault.hits(name, path, arguments):
                    return fault.action(*arguments, **options)
            return original(*arguments, **options)

        return watched

    def _path_of(
        self, name: str, arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> Path | None:
        """What a call is about, absolute; of a renaming, where it goes to."""
        renames = name in {"rename", "replace", "link"}
        target = arguments[1] if renames else arguments[0]
        if isinstance(target, int):
            return _behind(target)
        folder = options.get("dst_dir_fd") if renames else options.get("dir_fd")
        if folder is not None:
            above = _behind(folder)
            return None if above is None else above / os.fsdecode(target)
        return Path(os.path.abspath(os.fsdecode(target)))  # noqa: PTH100 - no link is followed


def _behind(handle: int) -> Path | None:
    """The path behind a descriptor, if it has one."""
    try:
        return Path(os.readlink(f"/proc/self/fd/{handle}"))  # noqa: PTH115 - Path calls os.stat
    except OSError:
        return None


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _shortened(data: Any, keep: int) -> Any:
    """The first ``keep`` bytes of a buffer, or of several."""
    if not isinstance(data, list | tuple):
        return memoryview(data).cast("B")[:keep]
    found = []
    for part in data:
        view = memoryview(part).cast("B")[:keep]
        keep -= len(view)
        found.append(view)
    return found
