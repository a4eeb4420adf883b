"""What is printed of stored series, where, and how."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from pacs_framework.config.types import Seconds, Section
from pacs_print.terms import DOOR, Orientation

if TYPE_CHECKING:
    from pacs_framework.archive.changes import Change

__all__ = ["Errand", "PrintRule"]


class Errand(Section):
    """On which printer, of this archive or of a peer, and what the films look like."""

    printer: str = Field(default="", description="AE title of a printer of this archive.")
    peer: str = Field(default="", description="AE title of a printer in [peers], in its place.")
    layout: str = Field(
        default="STANDARD\\1,1",
        pattern=r"^(STANDARD|ROW|COL|CUSTOM|SLIDE|SUPERSLIDE)(\\.+)?$",
        description="Image Display Format.",
    )
    film: str = Field(default="", description="Film Size ID; empty is the printer's default.")
    orientation: Orientation = Field(
        default=Orientation.PORTRAIT, description="PORTRAIT or LANDSCAPE."
    )
    copies: int = Field(default=1, ge=1, le=99, description="How many.")
    bits: Literal[8, 12] = Field(default=8, description="Bits of greys.")
    colour: bool = Field(default=False, description="Print in colours.")
    label: str = Field(default="", max_length=64, description="Film Session Label.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.printer) == bool(self.peer):
            raise ValueError("say where to print: either printer or peer")
        return self


class PrintRule(Errand):
    """Which stored series are printed. Patterns have * and ?; empty ones match all."""

    calling_aet: str = Field(default="", description="Pattern for the AE title of the sender.")
    called_aet: str = Field(default="", description="Pattern for the AE title that was called.")
    modality: str = Field(default="", description="Pattern for Modality (0008,0060).")
    description: str = Field(default="", description="Pattern for Series Description (0008,103E).")
    quiet: Seconds = Field(
        default=60.0, description="After the last instance of a series came; then it is printed."
    )

    def wants(self, change: Change) -> bool:
        """Whether the instance came by the way that the rule is for.

        Films that an output put into the archive did not: they would be printed for ever.
        """
        origin = change.origin
        return (
            origin.door != DOOR
            and _matches(self.calling_aet, origin.calling_aet)
            and _matches(self.called_aet, origin.called_aet)
        )

    def is_for(self, modality: str, description: str) -> bool:
        """Whether the series is one that the rule is for."""
        return _matches(self.modality, modality) and _matches(self.description, description)


def _matches(pattern: str, value: str) -> bool:
    return not pattern or fnmatchcase(value, pattern)
