"""The terms in which a film is asked for (PS3.3 C.13); they cost next to nothing to import."""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "DOOR",
    "DecimateCrop",
    "Density",
    "FilmError",
    "Magnification",
    "Medium",
    "Orientation",
    "Polarity",
    "PresentationLutShape",
    "Resolution",
    "Smoothing",
]


DOOR = "print"
"""By which films come into the archive that one of its printers made."""


class FilmError(ValueError):
    """Something about a film that cannot be: what, and what would be possible."""


class Orientation(StrEnum):
    """Film Orientation (2010,0040)."""

    PORTRAIT = "PORTRAIT"
    LANDSCAPE = "LANDSCAPE"


class Magnification(StrEnum):
    """Magnification Type (2010,0060): how pixels of an image become pixels of the printer."""

    REPLICATE = "REPLICATE"  # the nearest pixel
    BILINEAR = "BILINEAR"
    CUBIC = "CUBIC"
    NONE = "NONE"  # one pixel of the image is one of the printer


class Smoothing(StrEnum):
    """Smoothing Type (2010,0080), which only CUBIC heeds; the terms are this printer's own."""

    SHARP = "SHARP"  # Lanczos' window over 6 × 6 pixels
    MEDIUM = "MEDIUM"  # cubic convolution with a = -0.5 over 4 × 4 pixels
    SMOOTH = "SMOOTH"  # the same over pixels that were smoothed by 1-4-1, as a B-spline would


class Polarity(StrEnum):
    """Polarity (2020,0020)."""

    NORMAL = "NORMAL"
    REVERSE = "REVERSE"


class DecimateCrop(StrEnum):
    """Requested Decimate/Crop Behavior (2020,0040): what to do with an image that is too large."""

    DECIMATE = "DECIMATE"
    CROP = "CROP"
    FAIL = "FAIL"


class Medium(StrEnum):
    """Medium Type (2000,0030), as far as it decides about density."""

    PAPER = "PAPER"
    CLEAR_FILM = "CLEAR FILM"
    BLUE_FILM = "BLUE FILM"
    MAMMO_CLEAR_FILM = "MAMMO CLEAR FILM"
    MAMMO_BLUE_FILM = "MAMMO BLUE FILM"

    @property
    def is_paper(self) -> bool:
        """Looked at by reflected light, not by light that comes through."""
        return self is Medium.PAPER


class Resolution(StrEnum):
    """Requested Resolution ID (2020,0050)."""

    STANDARD = "STANDARD"
    HIGH = "HIGH"


class Density(StrEnum):
    """The two densities that have names; all others are hundredths of OD."""

    BLACK = "BLACK"
    WHITE = "WHITE"


class PresentationLutShape(StrEnum):
    """Presentation LUT Shape (2050,0020)."""

    IDENTITY = "IDENTITY"  # what comes in are P-values
    LIN_OD = "LIN OD"  # what comes in is linear in density, from the greatest to the least
