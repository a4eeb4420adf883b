"""Waking those who tell subscribers: in this process, in others beside it."""

from __future__ import annotations

from pathlib import Path

from pacs_framework.waking import ring

__all__ = [
    "BELL",
    "FOLDER",
    "channels_of",
    "performers_of",
    "ring_all",
    "ring_beside",
    "ring_channels",
]

FOLDER = "ups"
"""In the folder of the archive's data: who works here, and a bell."""

BELL = "bell"
"""What is rung when something has changed."""


def channels_of(data: Path) -> Path:
    """Where each process that has event channels open has a folder of its own, with its bell."""
    return data / FOLDER / "channels"


def ring_channels(data: Path) -> None:
    """Have every process of this machine look that has event channels open."""
    for bell in channels_of(data).glob(f"*/{BELL}"):
        ring(bell)


def performers_of(data: Path) -> Path:
    """The bell of who has steps performed."""
    return data / FOLDER / "performers"


def ring_beside(data: Path) -> None:
    """Have everybody on this machine look who does not tell subscribers by association."""
    ring(performers_of(data))
    ring_channels(data)


def ring_all(data: Path) -> None:
    """Have everybody on this machine look whom a change of a step may concern."""
    ring(data / FOLDER / BELL)
    ring_beside(data)
