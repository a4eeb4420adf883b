"""The section ``[plugin.dicomweb]``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["DicomwebSettings"]


class DicomwebSettings(BaseModel):
    """How searches and metadata are answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_answers: int = Field(
        default=0,
        ge=0,
        description="The most matches of one search; more are to be had by offset. 0 is no limit.",
    )
    inline_bytes: int = Field(
        default=1024,
        ge=0,
        le=1 << 20,
        description="Binary values in metadata up to so many bytes are inline, longer ones by URI.",
    )
    metadata_mebibytes: int = Field(
        default=1024,
        ge=0,
        description="Room for prepared metadata of series; 0 prepares none.",
    )
