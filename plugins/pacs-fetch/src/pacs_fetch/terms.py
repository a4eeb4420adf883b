"""Words that several rooms of the plugin use."""

from __future__ import annotations

__all__ = [
    "COMPARE",
    "NAME",
    "ORDER",
    "PRIORITY_OF_PRIORS",
    "PRIORITY_OF_PULLS",
    "PRIORS",
    "kind_of",
]

NAME = "fetch"
"""The plugin's name."""

PRIORS = "fetch.priors"
"""The kind of jobs that look for priors of the patients of some days."""

ORDER = "fetch.order"
"""The kind of jobs that look for priors for one step of pacs-worklist."""

COMPARE = "fetch.compare"
"""The kind of jobs that compare with a source, and have fetched what is missing here."""

PRIORITY_OF_PRIORS = 5
PRIORITY_OF_PULLS = -5


def kind_of(source: str) -> str:
    """The kind of jobs that fetch studies from a source of this name."""
    return f"fetch.study.{source}"
