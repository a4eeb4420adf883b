"""How work tells what became of it, besides returning; and what a queue refuses."""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus

from pacs_framework.errors import PacsError

__all__ = ["JobCanceled", "JobFailed", "JobPutOff", "JobRefused"]


class JobRefused(PacsError):
    """A queue does not take an order, or a job is not in a state for what is asked."""

    http_status = HTTPStatus.CONFLICT


class JobFailed(PacsError):
    """Raised by work that no further attempt could do: the job is a dead letter at once.

    Whatever else work raises is one failed attempt, and the next one follows.
    """


class JobPutOff(PacsError):
    """Raised by work whose time has not come: not before ``until``, and no attempt is counted.

    With ``kind_too`` all jobs of the kind wait until then, as for a destination that is away.
    Raises ValueError for a moment without time zone.
    """

    def __init__(self, reason: str, *, until: dt.datetime, kind_too: bool = False) -> None:
        super().__init__(reason)
        if until.tzinfo is None:
            raise ValueError("a datetime without tzinfo names no moment; use datetime.now(UTC)")
        self.until = until
        self.kind_too = kind_too


class JobCanceled(PacsError):
    """Raised by `JobContext.check` when the work is to end: it was canceled, its time is over, or
    the archive stops. Work need not catch it.
    """
