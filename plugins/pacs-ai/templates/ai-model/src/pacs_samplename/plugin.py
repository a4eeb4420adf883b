"""The hooks: one model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs_framework import hookimpl

if TYPE_CHECKING:
    from pacs_ai.api import Model

__all__ = ["ai_models"]


@hookimpl
def ai_models() -> Sequence[Model]:
    """Commands and triggers ask for it by its name and version."""
    # Not above: only what runs models needs NumPy.
    from pacs_samplename.model import Bone  # noqa: PLC0415

    return [Bone()]
