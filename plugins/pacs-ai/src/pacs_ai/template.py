"""What ``pacs plugin new --kind ai-model`` writes: a whole project with a model and its tests."""

from __future__ import annotations

from pathlib import Path

__all__ = ["AI_MODEL"]

_IN_WHEEL = Path(__file__).parent / "templates"
_IN_REPOSITORY = Path(__file__).parents[2] / "templates"

AI_MODEL = (_IN_WHEEL if _IN_WHEEL.is_dir() else _IN_REPOSITORY) / "ai-model"
"""The folder of the project."""
