"""Sources that are not to be asked at any hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_framework.config.hours import hours_of, next_opening
from pacs_framework.jobs import JobPutOff
from pacs_framework.tables import now

if TYPE_CHECKING:
    from pacs_fetch.settings import Source

__all__ = ["refuse_closed"]


def refuse_closed(source: Source, *, kind_too: bool = False) -> None:
    """Raise `JobPutOff` out of the hours of ``source``, until they begin.

    ``kind_too`` for jobs of a kind that is about this source alone: all of them wait.
    """
    opening = next_opening(hours_of(source.hours), now().astimezone())
    if opening is not None:
        hours = ", ".join(source.hours)
        raise JobPutOff(f"{source.name} is asked at {hours}", until=opening, kind_too=kind_too)
