"""How much one association may have open, so that no print client can use up an archive."""

from __future__ import annotations

from pydantic import Field

from pacs_framework.config.types import Section, Size

__all__ = ["Limits"]


class Limits(Section):
    """What a film session may hold; more is refused with the status that the standard has."""

    film_boxes: int = Field(default=64, ge=1, description="Film boxes (0213H).")
    images: int = Field(default=512, ge=1, description="Images (C605H).")
    size: Size = Field(
        default=1 << 30, description="Bytes of pixels, which wait in a file of their own (C605H)."
    )
    image_size: Size = Field(
        default=128 << 20, description="Longest data set of one image box in bytes (0213H)."
    )
    presentation_luts: int = Field(default=64, ge=1, description="Presentation LUTs (0213H).")
    copies: int = Field(default=99, ge=1, le=9999, description="Most copies (0116H).")
    queue: int = Field(
        default=1000, ge=1, description="Jobs of the printer that are not over (C601H, C602H)."
    )
