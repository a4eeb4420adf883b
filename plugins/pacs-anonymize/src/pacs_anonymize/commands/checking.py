"""What only shows when all results are seen together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pacs_anonymize.commands.work import Done, Outcome

__all__ = ["checked"]


def checked(results: Iterable[Done], named: Sequence[Path]) -> Iterator[Done]:
    """The results, those failed that did not do what the user meant.

    A file that the user named outright must be DICOM. Two files that hold one SOP instance have one
    place: the second has failed, even where it took the place of the first.
    """
    outright = {*named}
    first: dict[Path, Path] = {}
    for done in results:
        if done.outcome is Outcome.SKIPPED and done.path in outright:
            yield replace(done, outcome=Outcome.FAILED)
            continue
        other = done.path
        if done.output is not None:
            other = first.get(done.output, done.path)
            if done.outcome is not Outcome.FAILED:
                first.setdefault(done.output, done.path)
        yield done if other == done.path else _second(done, other)


def _second(done: Done, other: Path) -> Done:
    place = "has taken its place" if done.outcome is Outcome.WRITTEN else "is not written"
    return replace(
        done,
        outcome=Outcome.FAILED,
        error=f"it holds the same SOP instance as {other}, and {place}",
    )
