"""What work is given: its job, and how it says how far it is."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from pacs_framework.jobs.cancellation import Cancellation
from pacs_framework.jobs.outcomes import JobCanceled

if TYPE_CHECKING:
    from pacs_framework.jobs.model import Job

__all__ = ["JobContext"]


class JobContext(ABC):
    """One run of one job. Threads may share it.

    ``job`` is the job as it was when it was taken. ``cancelled`` is set when the work is to end, by
    itself, soon: the job was canceled, its time is over, or the archive stops (``why`` says which);
    wait on it instead of sleeping, or have it call you (`on_cancel`). Work that ends in an
    exception then is canceled, a failed attempt, or waits for the next start, in this order; what
    it returns all the same counts.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.cancelled = Cancellation()
        self.why = ""

    @property
    def payload(self) -> Mapping[str, Any]:
        """What the work is told."""
        return self.job.payload

    @property
    def key(self) -> str:
        """The key of the order, the same in each attempt; empty where it had none."""
        return self.job.key

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1 on."""
        return self.job.attempts + 1

    def check(self) -> None:
        """Raise `JobCanceled` when the work is to end; cheap enough for each round of a loop."""
        if self.cancelled.is_set():
            raise JobCanceled(self.why or "canceled")

    def on_cancel(self, call: Callable[[], object]) -> AbstractContextManager[None]:
        """Have ``call`` called when the work is to end, at once if it is already; until the end of
        the ``with`` block.

        This reaches work that waits for something else than ``cancelled``: a process, a socket. The
        thread that cancels calls it, so it is short and raises nothing; it is called once.
        """
        return self.cancelled.calling(call)

    @abstractmethod
    def progress(self, done: float, total: float = 0.0, note: str = "") -> None:
        """Say how far the work is: ``done`` of ``total``, 0 for not known.

        Cheap, so call it as often as you like: it is written down now and then. No patient data.
        """

    @abstractmethod
    def log(self, text: str) -> None:
        """Keep a line with the job. No patient data: whoever sees jobs sees it."""

    # --- for run_together -----------------------------------------------------------------------

    @abstractmethod
    def done(self, result: object = None) -> None:
        """The job is done, as if ``run`` had returned ``result``. Written down soon; waits for
        nothing.

        The first word on a job counts. Raises `JobRefused` for a result that cannot be kept.
        """

    @abstractmethod
    def failed(self, reason: str, *, final: bool = False) -> None:
        """This attempt has failed; ``final``: no further one could do it."""

    @abstractmethod
    def put_off(self, reason: str, until: dt.datetime, *, kind_too: bool = False) -> None:
        """Not before ``until``, as by `JobPutOff`; no attempt is counted."""
