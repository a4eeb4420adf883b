"""Rules for pixels looked over and said in sentences."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence

from pacs_anonymize.pixels.document import PixelRuleEntry
from pacs_anonymize.pixels.text import PROGRAM
from pacs_anonymize.profiles.lint import Finding, Severity

__all__ = ["lint_pixels", "pixel_sentence"]


def pixel_sentence(entry: PixelRuleEntry) -> str:
    """Which images a rule is for, what is done to them, and why."""
    images = f"Images with {entry.when}" if entry.when else "All images"
    sentence = f"{images}: {'; '.join(_parts(entry))}."
    return f"{sentence} Reason: {entry.why}" if entry.why else sentence


def _parts(entry: PixelRuleEntry) -> Iterator[str]:
    if entry.refuse:
        yield f"refused, since {entry.refuse}"
    if entry.clean:
        yield "taken to show no text, their pixels stay as they are"
    if entry.blank_all:
        yield "made black all over"
    if entry.blank:
        where = f"in frames {entry.frames}" if entry.frames else "in all frames"
        yield f"{', '.join(map(_rectangle, entry.blank))} made black {where}"
    if entry.keep:
        yield f"all made black but {', '.join(map(_rectangle, entry.keep))}"
    if entry.keep_ultrasound_regions:
        yield "all made black but the ultrasound regions of image data (0018,6011)"
    if entry.detect_text:
        yield "text is looked for and made black"


def _rectangle(numbers: tuple[int, int, int, int]) -> str:
    left, top, width, height = numbers
    return f"{width} × {height} pixels at column {left} of row {top}"


def lint_pixels(entries: Sequence[PixelRuleEntry]) -> Iterator[Finding]:
    """What is to be said about rules that can be read."""
    for number, entry in enumerate(entries, start=1):
        place = f"pixels {number}"
        earlier = _that_takes_all(entry, entries[: number - 1])
        if earlier is not None:
            yield Finding(
                Severity.WARNING,
                place,
                f"it never applies: pixels {earlier} comes first and is for the same images",
            )
        if entry.clean and not entry.why:
            yield Finding(
                Severity.WARNING,
                place,
                'it vouches for images that nobody looks at: say why = "…"',
            )
        if entry.detect_text and shutil.which(PROGRAM) is None:
            yield Finding(
                Severity.WARNING,
                place,
                f"it needs the program {PROGRAM!r}, which is not installed here: its images would "
                "be refused",
            )


def _that_takes_all(entry: PixelRuleEntry, earlier: Sequence[PixelRuleEntry]) -> int | None:
    """The number of the first rule that leaves no image to ``entry``."""
    for number, other in enumerate(earlier, start=1):
        if not other.when or other.when == entry.when:
            return number
    return None
