"""New files that appear under their name when all of them is on disk, or not at all.

And whose name is on disk, too, when the block has ended: what a command said that it wrote is there
after a power cut.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pacs_framework.folders import make_folders, sync_folder

__all__ = ["check_free", "whole_file"]

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def check_free(destination: Path, *, overwrite: bool) -> None:
    """Raise FileExistsError where ``destination`` is there and may not be overwritten."""
    if not overwrite and destination.exists():
        raise FileExistsError(errno.EEXIST, "a file is there already", str(destination))


@contextmanager
def whole_file(destination: Path, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """A file to write and to read back, which becomes ``destination`` when the block ends well.

    Folders are made, as durable as the file. Raises OSError: FileExistsError where ``destination``
    is there by then and may not be overwritten. When the block raises, nothing is left.
    """
    check_free(destination, overwrite=overwrite)
    make_folders(destination.parent)
    handle, name = tempfile.mkstemp(prefix=".writing-", dir=destination.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "w+b") as writer:
            yield writer
            writer.flush()
            os.fsync(writer.fileno())
        part.chmod(_usual_mode())
        _put(part, destination, overwrite=overwrite)
    finally:
        part.unlink(missing_ok=True)
    with suppress(PermissionError):  # a folder to drop files in that nobody may read or sync
        sync_folder(destination.parent)


def _put(part: Path, destination: Path, *, overwrite: bool) -> None:
    if overwrite:
        part.replace(destination)
        return
    try:
        os.link(part, destination)  # fails where a file is there, unlike a rename
    except FileExistsError:
        check_free(destination, overwrite=False)
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        check_free(destination, overwrite=False)
        part.replace(destination)


def _usual_mode() -> int:
    """Of any new file; a temporary one is for its owner only."""
    # Read from the kernel's table, since asking by os.umask would set it for every thread.
    for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
        if line.startswith("Umask:"):
            return 0o666 & ~int(line.split()[1], 8)
    return 0o640
