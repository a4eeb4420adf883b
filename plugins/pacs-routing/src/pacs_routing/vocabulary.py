"""What conditions of rules may ask about besides attributes: how an instance came, and when."""

from __future__ import annotations

from pacs_framework.conditions import DATE, TEXT, TIME, UNIQUE, Fact, Kind, Vocabulary

__all__ = ["VOCABULARY", "WEEKDAYS"]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _weekday(literal: str) -> str:
    if literal not in WEEKDAYS:
        raise ValueError(f"is no day of the week: write one of {', '.join(WEEKDAYS)}")
    return literal


VOCABULARY = Vocabulary(
    (
        Fact("CallingAET", TEXT),
        Fact("CalledAET", TEXT),
        Fact("Address", TEXT),
        Fact("Door", TEXT),
        Fact("TLSSubject", TEXT),
        Fact("TransferSyntaxUID", UNIQUE),
        Fact("date", DATE),
        Fact("time", TIME),
        Fact("weekday", Kind(name="a day of the week", literal=_weekday)),
    )
)
"""The last three are of the local clock when the instance came in."""
