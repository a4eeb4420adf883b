"""How long to wait before something that failed is tried again."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pacs_framework.tables.leases import now

__all__ = ["Pauses"]

_MOST_DOUBLINGS = 32  # more would only make numbers that are cut anyway


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Seconds between attempts: the ``first``, doubled each time up to the ``longest``.

    ``give_up_after`` so many seconds there are no more attempts; 0: never.
    """

    first: float
    longest: float
    give_up_after: float = 0.0

    def seconds(self, attempts: int) -> float:
        """The pause after another failure, when ``attempts`` had failed before."""
        return min(self.first * 2.0 ** min(attempts, _MOST_DOUBLINGS), self.longest)

    def until(self, attempts: int) -> dt.datetime:
        """When the next attempt is due, in UTC."""
        return now() + dt.timedelta(seconds=self.seconds(attempts))

    def gives_up(self, since: dt.datetime) -> bool:
        """Whether what has been tried since then is given up."""
        return bool(self.give_up_after) and ((now() - since).total_seconds() > self.give_up_after)
