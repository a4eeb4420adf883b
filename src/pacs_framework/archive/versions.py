"""Version tokens: one for every object that ever comes in, sortable by time of arrival."""

from __future__ import annotations

import datetime as dt
import re
import secrets
import threading
import time

__all__ = ["Versions", "received_at"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TOKEN = re.compile(r"[0-9a-f]{14}[0-9a-f]{10}")


class Versions:
    """Makes tokens of 24 characters ``[0-9a-f]``: microseconds since 1970, then who made it.

    Tokens of one maker grow strictly. Makers, one for each running archive, are told apart by 40
    random bits, so that no two processes or nodes ever make the same token.
    """

    def __init__(self) -> None:
        self._maker = secrets.token_hex(5)
        self._last = 0
        self._mutex = threading.Lock()

    def next(self) -> tuple[str, dt.datetime]:
        """A new token, and what `received_at` makes of it."""
        with self._mutex:
            self._last = now = max(time.time_ns() // 1000, self._last + 1)
        return f"{now:014x}{self._maker}", _EPOCH + dt.timedelta(microseconds=now)


def received_at(version: str) -> dt.datetime:
    """When the object of this version came in (UTC). Raises ValueError for what is no token."""
    if not _TOKEN.fullmatch(version):
        raise ValueError(f"{version!r} is not a version token")
    return _EPOCH + dt.timedelta(microseconds=int(version[:14], 16))
