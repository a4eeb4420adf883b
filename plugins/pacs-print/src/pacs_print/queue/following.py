"""Jobs in the hands of outputs, whose printers tell nobody what became of them.

They are asked, at first every second, less often the older a job gets. Nobody waits for that: in
between a job is due at a moment like one that is tried again, so it costs no thread, outlives a
restart, and any node of the database may be the one that asks.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

from pacs_framework.tables import Pauses, now
from pacs_print.queue.model import Info, Job

if TYPE_CHECKING:
    from pacs_print.outputs import Handed, Progress, Target
    from pacs_print.queue.book import Book

__all__ = ["LONGEST_INFO", "Following"]

LONGEST_INFO = 16
"""Characters of Execution Status Info, a CS."""

_FIRST_LOOK, _LAST_LOOK = 1.0, 30.0  # seconds between two questions
_LOOKS = 10  # while the age of a job doubles

_log = structlog.get_logger(__name__)


class Following:
    """What to do about jobs that were handed over; ``targets`` are those of each printer.

    Safe to use from many threads.
    """

    def __init__(
        self, book: Book, targets: Mapping[str, tuple[Target, ...]], pauses: Pauses
    ) -> None:
        self._book = book
        self._targets = targets
        self._pauses = pauses

    def look(self, found: Job, owner: str) -> bool:
        """Ask what became of a job: True when all of it is printed, else it waits for the next
        question, or has failed because it took too long.

        Raises `OutputError` where an output gave it up.
        """
        from pacs_print import outputs  # noqa: PLC0415 - NumPy, which only who prints needs

        handed = json.loads(found.handed)
        try:
            handed, progress = outputs.follow(handed, self._targets[found.printer])
        except outputs.OutputError as error:
            if error.permanent:
                raise
            progress = outputs.Progress(done=False, info=error.info, reason=str(error))
        if handed and not progress.done:
            self.wait(found, owner, handed, progress)
            return False
        return True

    def wait(
        self, found: Job, owner: str, handed: Handed, progress: Progress | None = None
    ) -> None:
        """Outputs have it in their hands; they are asked in a while."""
        info = Info.NORMAL if progress is None else progress.info[:LONGEST_INFO]
        reason = "" if progress is None else progress.reason
        if self._pauses.gives_up(found.made):
            self._taken_back(found, handed)
            reason = reason or "the printer was not done with it in time"
            _log.error("print job failed", print_job=found.uid, info=str(info), cause=reason)
            self._book.fail(found, owner, Info.UNKNOWN if info == Info.NORMAL else info, reason)
            return
        age = (now() - found.made).total_seconds()
        pause = dt.timedelta(seconds=min(max(_FIRST_LOOK, age / _LOOKS), _LAST_LOOK))
        ours = self._book.hand_over(
            found, owner, json.dumps(handed), now() + pause, info=info, error=reason
        )
        if not ours:  # it was canceled in between
            self._taken_back(found, handed)

    def take_back(self, found: Job, owner: str) -> None:
        """A job was canceled: outputs are not to print it. Tried again where that fails."""
        if self._taken_back(found, json.loads(found.handed)):
            self._book.taken_back(found, owner)
        else:
            self._book.put_off_taking_back(found, owner, self._pauses.until(found.attempts))

    def _taken_back(self, found: Job, handed: Handed) -> bool:
        """Whether there is nothing more to be done about it."""
        from pacs_print import outputs  # noqa: PLC0415 - see `look`

        try:
            outputs.take_back(handed, self._targets[found.printer])
        except outputs.OutputError as error:
            _log.warning("print job not taken back", print_job=found.uid, cause=str(error))
            return error.permanent or self._pauses.gives_up(found.made)
        return True
