"""Text found in frames by Tesseract, a program of its own (Debian: tesseract-ocr; Apache-2.0).

It is run for each frame and told the picture by a pipe; what it reads stays in memory and is told
nobody: neither log nor message has it, only the rectangles go on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pacs_anonymize.pixels.greys import greys_of, inverted, portable_greymap
from pacs_framework.anonymizers.pixel_work import Region
from pacs_framework.codecs.codec import Frame
from pacs_framework.errors import NotAnonymized

__all__ = ["PROGRAM", "TextFinder"]

PROGRAM = "tesseract"

_SECONDS = 120
_SPARSE_TEXT = "11"  # as much text as possible, in no order
_LEAST_CONFIDENCE = 30.0  # per cent; below are edges and noise that look like letters
# Noise hardly ever looks like a word of four letters or digits, and letters of screens, drawn with
# few pixels, hardly ever like good ones: a word counts even where its letters were guessed.
_LONG, _LEAST_CONFIDENCE_IN_LONG = 4, 5.0
_MAGNIFIED = 2  # letters on screens are smaller than those that Tesseract was made for
_LARGEST_MAGNIFIED = 4_000_000  # pixels; larger pictures have larger letters
_MARGIN = 3  # pixels around a word, and a part of its height: letters have serifs and shadows
_COLUMNS = 12  # of a line of the table: the last are left, top, width, height, confidence, text


@dataclass(frozen=True, slots=True)
class TextFinder:
    """Looks for text in a frame; see `PixelWork`. It can be pickled."""

    program: str

    @classmethod
    def ready(cls) -> TextFinder:
        """One that can be used. Raises `NotAnonymized` where the program is not installed."""
        found = shutil.which(PROGRAM)
        if found is None:
            raise NotAnonymized(
                f"text is to be looked for, and the program {PROGRAM!r} is not installed; "
                "on Debian and Ubuntu: apt-get install tesseract-ocr"
            )
        return cls(found)

    def __call__(self, frame: Frame, number: int) -> Iterator[Region]:
        """The words in a frame, each with a margin. Raises `NotAnonymized`."""
        columns = frame.pixels.columns
        greys = greys_of(frame)
        times = _MAGNIFIED if len(greys) <= _LARGEST_MAGNIFIED else 1
        pictures = (portable_greymap(each, columns, times) for each in (greys, inverted(greys)))
        # The two beside each other, and no more: frames come one after the other.
        with ThreadPoolExecutor(2, "text") as both:
            tables = list(both.map(self._read, pictures))
        for table in tables:
            for box in _words(table):
                yield _region(box, times, number)

    def _read(self, picture: bytes) -> str:
        command = (self.program, "stdin", "stdout", "--psm", _SPARSE_TEXT, "tsv")
        try:
            done = subprocess.run(  # noqa: S603 - a program of the system, no shell
                command,
                input=picture,
                capture_output=True,  # what it complains of is dropped: it may quote what it read
                timeout=_SECONDS,
                check=True,
                env=os.environ
                | {"OMP_THREAD_LIMIT": "1"},  # frames and files are the parallel part
            )
        except subprocess.TimeoutExpired:
            raise NotAnonymized(f"{PROGRAM} took more than {_SECONDS} s for a frame") from None
        except (OSError, subprocess.CalledProcessError) as error:
            told = getattr(error, "returncode", None)
            how = f"ended with {told}" if told is not None else "could not be run"
            raise NotAnonymized(f"{PROGRAM} {how}: text cannot be looked for") from None
        return done.stdout.decode("utf-8", "replace")


def _words(table: str) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, width and height of each word that is one."""
    for line in table.splitlines()[1:]:
        fields = line.split("\t")
        letters = sum(map(str.isalnum, fields[-1])) if len(fields) == _COLUMNS else 0
        if not letters:
            continue
        least = _LEAST_CONFIDENCE if letters < _LONG else _LEAST_CONFIDENCE_IN_LONG
        if float(fields[-2]) >= least:
            left, top, width, height = map(int, fields[6:10])
            yield left, top, width, height


def _region(box: tuple[int, int, int, int], times: int, frame: int) -> Region:
    left, top, width, height = (each / times for each in box)
    margin = _MARGIN + height / 4
    first_column, first_row = max(0, int(left - margin)), max(0, int(top - margin))
    return Region(
        left=first_column,
        top=first_row,
        width=int(left + width + margin) + 1 - first_column,
        height=int(top + height + margin) + 1 - first_row,
        frames=frozenset({frame}),
    )
