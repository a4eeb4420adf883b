"""The section ``[plugin.samplename]`` of the configuration."""

from __future__ import annotations

from pacs_framework.config import Section
from pydantic import Field

__all__ = ["Settings"]


class Settings(Section):
    """What an instance must have, and what is filled in."""

    required: tuple[str, ...] = Field(
        default=("PatientID",),
        description=(
            "Keywords of attributes that need a value; an instance without one is refused "
            "with A900H. Empty refuses nothing."
        ),
    )
    institution: str = Field(
        default="",
        max_length=64,
        description=(
            "Institution Name (0008,0080) of instances that come without one; empty leaves "
            "them as they are."
        ),
    )
