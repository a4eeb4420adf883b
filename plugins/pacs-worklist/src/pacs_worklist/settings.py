"""The section ``[plugin.worklist]``."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["WorklistSettings"]


class WorklistSettings(BaseModel):
    """Where worklist items come from, and which are offered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folders: tuple[Path, ...] = Field(
        default=(),
        description=(
            "Folders with worklist files, DICOM (.wl) and DICOM JSON (.json). What is in a folder "
            "of it that is named like the called AE title is offered under that title alone, as "
            "wlmscpfs does."
        ),
    )
    offer_days: int = Field(
        default=0,
        ge=0,
        description=(
            "Days after which a step of the database that nobody began is not offered any more, "
            "counted from its start; 0 offers it for ever."
        ),
    )
    max_answers: int = Field(
        default=10_000,
        ge=0,
        description=(
            "The most steps that a query may match; one that matches more fails with A700H. 0 is "
            "no limit."
        ),
    )
