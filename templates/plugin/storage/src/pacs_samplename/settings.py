"""The section ``[plugin.samplename]`` of the configuration."""

from __future__ import annotations

from pacs_framework.config import Section, Size
from pydantic import Field

__all__ = ["Settings"]


class Settings(Section):
    """How much of the disk is left free."""

    reserve: Size = Field(
        default=512 << 20,
        description=(
            "Space that stays free on the file system: an object that would touch it is "
            "refused with A700H."
        ),
    )
