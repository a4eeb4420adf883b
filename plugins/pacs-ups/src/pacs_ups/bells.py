"""Waking those who tell subscribers: in this process, in others beside it."""

from __future__ import annotations

from pathlib import Path

from pacs_framework.waking import ring

__all__ = ["BELL", "FOLDER", "channels_of", "ring_all", "ring_channels"]

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


def ring_all(data: Path) -> None:
    """Have everybody on this machine look who tells subscribers of something."""
    ring(data / FOLDER / BELL)
    ring_channels(data)
