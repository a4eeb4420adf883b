"""Errors of the operating system as those of the storage contract."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from pacs_framework.errors import OutOfResources, StorageError

__all__ = ["explain", "translated"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise `StorageError`, or `OutOfResources` for a full disk, instead of OSError."""
    try:
        yield
    except OSError as error:
        raise explain(what, error) from error


def explain(what: str, error: OSError) -> StorageError:
    """The error without its path, which means nothing to a peer."""
    kind = OutOfResources if error.errno in _FULL else StorageError
    return kind(f"cannot {what}: {error.strerror or error}")
