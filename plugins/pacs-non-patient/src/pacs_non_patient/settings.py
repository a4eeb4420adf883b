"""The section ``[plugin.non-patient]``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["NonPatientSettings"]


class NonPatientSettings(BaseModel):
    """What is taken in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_size: int = Field(
        default=32 << 20,
        gt=0,
        le=256 << 20,
        description=(
            "Bytes of the largest instance that is taken; a larger one is refused with A700H. Each "
            "is in memory as a whole while it is sent, and some times over while it is stored."
        ),
    )
