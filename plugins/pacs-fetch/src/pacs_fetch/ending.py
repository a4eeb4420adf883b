"""Work that the end of the archive breaks off, and that is due again when it is back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pacs_framework.errors import PacsError
from pacs_framework.jobs import JobPutOff
from pacs_framework.tables import now

if TYPE_CHECKING:
    from pacs_framework.network.breaking import Breakable

__all__ = ["put_off_at_the_end"]

_SOON = dt.timedelta(seconds=1)


@contextmanager
def put_off_at_the_end(calls: Breakable) -> Iterator[None]:
    """Associations that are opened within are broken off by ``calls``; what fails of that costs no
    attempt: `JobPutOff` is raised.
    """
    try:
        with calls.breakable():
            yield
    except PacsError as error:
        if calls.stopping:
            raise JobPutOff("the archive stops", until=now() + _SOON) from error
        raise
