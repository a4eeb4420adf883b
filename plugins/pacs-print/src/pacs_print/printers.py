"""The printers of an archive: what each is, what it can do, and where its films go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from pacs_framework.config.types import AETitle, OptionalPath, Section
from pacs_print.layout import film_size
from pacs_print.limits import Limits
from pacs_print.terms import Density, Magnification, Medium, Smoothing

__all__ = ["PrinterSettings"]

Hundredths = Annotated[int, Field(ge=0, le=500)]
Boxes = tuple[tuple[float, float, float, float], ...]

_ROUNDING = 1e-6  # that shares of thirds may be over


class PrinterSettings(Section):
    """One printer: the AE title by which it is called, and what comes out of it."""

    ae_title: AETitle = Field(description="The AE title that print clients call.")
    name: str = Field(default="", max_length=64, description="Printer Name (2110,0030).")
    manufacturer: str = Field(default="pacs-framework", max_length=64, description="(0008,0070).")
    model: str = Field(default="pacs-print", max_length=64, description="(0008,1090).")
    serial_number: str = Field(default="", max_length=64, description="(0018,1000).")
    enabled: bool = Field(
        default=True, description="When false, it takes jobs and keeps them until it is enabled."
    )
    event_reports: bool = Field(
        default=True,
        description=(
            "Send N-EVENT-REPORT on associations of print clients; false for those that cannot "
            "answer them."
        ),
    )
    dpi: int = Field(
        default=300, ge=72, le=1200, description="Dots per inch of STANDARD resolution."
    )
    high_dpi: int = Field(
        default=600, ge=72, le=1200, description="Dots per inch of HIGH resolution."
    )
    bits: int = Field(default=8, description="Bits of a gray dot in what comes out: 8 or 12.")
    colour: bool = Field(default=True, description="Take the colour SOP classes.")
    media: tuple[Medium, ...] = Field(
        default=(Medium.CLEAR_FILM, Medium.BLUE_FILM, Medium.PAPER),
        min_length=1,
        description="Medium types that may be asked for; the first is the default.",
    )
    sizes: tuple[str, ...] = Field(
        default=("14INX17IN", "11INX14IN", "10INX12IN", "8INX10IN", "24CMX30CM", "A4", "A3"),
        min_length=1,
        description="Film Size IDs that may be asked for; the first is the default.",
    )
    magnification: Magnification = Field(
        default=Magnification.CUBIC, description="Magnification Type when none is asked for."
    )
    smoothing: Smoothing = Field(
        default=Smoothing.MEDIUM,
        description="Smoothing Type for CUBIC when none is asked for: SHARP, MEDIUM or SMOOTH.",
    )
    border_density: Density | Hundredths = Field(
        default=Density.BLACK, description="BLACK, WHITE or hundredths of OD."
    )
    empty_image_density: Density | Hundredths = Field(
        default=Density.BLACK, description="BLACK, WHITE or hundredths of OD."
    )
    min_density: int | None = Field(
        default=None,
        ge=0,
        le=500,
        description=(
            "Hundredths of OD; without it what calibration says, else 20 for films and 5 for paper."
        ),
    )
    max_density: int | None = Field(
        default=None,
        ge=1,
        le=500,
        description=(
            "Hundredths of OD; without it what calibration says, else 300 for films and 210 for "
            "paper."
        ),
    )
    illumination: int = Field(
        default=2000, ge=1, description="Luminance of the light box in cd/m², for films."
    )
    reflected_ambient_light: int = Field(default=10, ge=0, description="In cd/m².")
    paper_luminance: int = Field(
        default=150, ge=1, description="Luminance of light on white paper in cd/m²."
    )
    calibration: OptionalPath = Field(
        default=None,
        description=(
            "Density curve of the device, a file with lines of drive level and optical density; "
            "light that it names (lum, amb) goes before the settings. Without it the device is "
            "taken to show gray values as sRGB has them."
        ),
    )
    font: OptionalPath = Field(
        default=None,
        description=(
            "TrueType font of annotations; without it one for the alphabets of western Europe."
        ),
    )
    margin: float = Field(default=4.0, ge=0, description="Unprinted edge of a film in mm.")
    gap: float = Field(default=1.5, ge=0, description="Between images in mm.")
    custom_formats: Mapping[str, Boxes] = Field(
        default_factory=dict,
        description=(
            "Image Display Formats CUSTOM\\NAME: for each image box left, top, width and height as "
            "fractions of the printable area."
        ),
    )
    annotation_formats: Mapping[str, Boxes] = Field(
        default_factory=dict,
        description="Annotation Display Format IDs of the site's own, boxes as in custom_formats.",
    )
    outputs: tuple[Mapping[str, Any], ...] = Field(
        default=(),
        description=(
            "Where films go: tables with `to` (pdf, png, tiff, archive, ipp, or that of another "
            "plugin) and what that one wants."
        ),
    )
    limits: Limits = Field(default=Limits(), description="What one association may have open.")

    @field_validator("bits")
    @classmethod
    def _bits(cls, value: int) -> int:
        if value not in (8, 12):
            raise ValueError("a printer has 8 or 12 bits")
        return value

    @field_validator("sizes")
    @classmethod
    def _measured(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for size_id in value:
            film_size(size_id)
        return value

    @field_validator("custom_formats", "annotation_formats")
    @classmethod
    def _within(cls, value: Mapping[str, Boxes]) -> Mapping[str, Boxes]:
        for name, boxes in value.items():
            if not boxes or not all(_is_within(*box) for box in boxes):
                raise ValueError(
                    f"{name!r} needs boxes of left, top, width and height within 0 to 1"
                )
        return value

    @field_validator("outputs")
    @classmethod
    def _named(cls, value: tuple[Mapping[str, Any], ...]) -> tuple[Mapping[str, Any], ...]:
        if any(not isinstance(each.get("to"), str) for each in value):
            raise ValueError('each output says where to, as in {to = "pdf", folder = "/films"}')
        return value

    @model_validator(mode="after")
    def _has_contrast(self) -> Self:
        for medium in self.media:
            least, greatest = self.densities(medium)
            if least >= greatest:
                raise ValueError(f"min_density {least} is not below max_density {greatest}")
        return self

    def light(self, medium: Medium) -> tuple[int, int]:
        """Illumination and Reflected Ambient Light of a medium, where a film says nothing.

        Paper is lit by the room: nothing is added to what it reflects (PS3.14 7.3).
        """
        if medium.is_paper:
            return self.paper_luminance, 0
        return self.illumination, self.reflected_ambient_light

    def densities(self, medium: Medium) -> tuple[int, int]:
        """The least and the greatest density of a medium, in hundredths of OD."""
        usual = (5, 210) if medium.is_paper else (20, 300)  # films as in PS3.14 D.2.2
        least, greatest = self.min_density, self.max_density
        return (
            usual[0] if least is None else least,
            usual[1] if greatest is None else greatest,
        )


def _is_within(left: float, top: float, width: float, height: float) -> bool:
    """Whether a box has a size and lies on the film."""
    inside = left >= 0 and top >= 0 and max(left + width, top + height) <= 1 + _ROUNDING
    return inside and width > 0 and height > 0
