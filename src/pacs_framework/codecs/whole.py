"""A data set gathered before its first piece is given out, so that it comes whole or not at all.

Who sends a data set cannot take back what has gone out: a frame that fails in the middle would cost
the association, and with it every instance that was to follow.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, Self

from pacs_framework.errors import StorageError

__all__ = ["gathered_whole"]

_IN_MEMORY = 16 << 20  # bytes; more of them go to a temporary file without a name
_BLOCK = 1 << 18


def gathered_whole(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """All of ``pieces``, in blocks; what they raise is raised here and now.

    Raises `StorageError` where there is no room for them.
    """
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by `_Blocks`
    try:
        for piece in pieces:
            file.write(piece)
        file.seek(0)
    except OSError as error:
        file.close()
        raise StorageError(f"a decoded image cannot be gathered: {error.strerror}") from error
    except BaseException:
        file.close()
        raise
    return _Blocks(file)


class _Blocks:
    """The blocks of ``file``, which goes with the last of them, or with this iterator."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if not self._file.closed and (block := self._file.read(_BLOCK)):
            return block
        self._file.close()
        raise StopIteration

    def __del__(self) -> None:
        # A generator that nobody has asked for a block runs none of its code when it goes.
        self._file.close()
