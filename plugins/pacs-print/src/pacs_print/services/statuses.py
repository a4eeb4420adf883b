"""The statuses of Print Management besides those of every service (PS3.4 Annex H)."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["PrintStatus"]


class PrintStatus(IntEnum):
    """Status (0000,0900), by the words of the standard."""

    MEMORY_ALLOCATION_NOT_SUPPORTED = 0xB600
    SESSION_WITHOUT_IMAGES = 0xB602
    FILM_WITHOUT_IMAGES = 0xB603
    IMAGE_DEMAGNIFIED = 0xB604
    DENSITY_OUT_OF_RANGE = 0xB605
    IMAGE_CROPPED = 0xB609
    IMAGE_DECIMATED = 0xB60A
    SESSION_WITHOUT_FILMS = 0xC600
    QUEUE_FULL_FOR_SESSION = 0xC601
    QUEUE_FULL_FOR_FILM = 0xC602
    IMAGE_TOO_LARGE = 0xC603
    OUT_OF_MEMORY = 0xC605
