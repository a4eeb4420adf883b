"""Which model performs which steps: a part of the section ``[plugin.ai]``."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from pacs_framework.config.types import Section

__all__ = ["CodeSettings", "WorkitemSettings"]


class CodeSettings(Section):
    """A code that a step has to have; without a scheme, of any."""

    value: str = Field(default="", min_length=1, max_length=16, description="Code Value.")
    scheme: str = Field(default="", max_length=16, description="Coding Scheme Designator.")


class WorkitemSettings(Section):
    """Which model performs which Unified Procedure Steps; all that is given has to be so."""

    model: str = Field(default="", description="NAME, or NAME@VERSION.")
    workitem: CodeSettings | None = Field(
        default=None,
        description="Scheduled Workitem Code Sequence (0040,4018): what is to be done.",
    )
    station: CodeSettings | None = Field(
        default=None,
        description=(
            "Scheduled Station Name Code Sequence (0040,4025): who is to do it, often an AE title."
        ),
    )
    worklist: str = Field(
        default="", max_length=64, description="Worklist Label (0074,1202); empty is any."
    )

    @model_validator(mode="after")
    def _narrow(self) -> Self:
        if not self.model:
            raise ValueError("a workitem names the model that performs it")
        if self.workitem is None and self.station is None:
            raise ValueError(
                f"the workitems for {self.model!r} need a workitem or a station, by their codes"
            )
        return self

    @property
    def said(self) -> str:
        """Its codes, in words."""
        codes = [each for each in (self.workitem, self.station) if each is not None]
        return " with ".join(f"{each.value} ({each.scheme or 'any scheme'})" for each in codes)
