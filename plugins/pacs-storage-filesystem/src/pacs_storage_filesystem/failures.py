"""Errors of the operating system as those of the storage contract."""

from __future__ import annotations

import errno

from pacs_framework.errors import OutOfResources, StorageError

__all__ = ["explain", "translated"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class translated:  # noqa: N801 - reads as a statement: `with translated("keep an object"):`
    """Raise `StorageError`, or `OutOfResources` for a full disk, instead of OSError."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, OSError):
            raise explain(self._what, error) from error


def explain(what: str, error: OSError) -> StorageError:
    """The error without its path, which means nothing to a peer."""
    kind = OutOfResources if error.errno in _FULL else StorageError
    return kind(f"cannot {what}: {error.strerror or error}")
