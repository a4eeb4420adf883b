"""Words written into a picture: who it is, and how it was made (PS3.18 8.3.5.1.1)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pacs_dicomweb.rendered.look import Annotation
from pacs_framework.rendering.attributes import text_of

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_framework.rendering.samples import Array

__all__ = ["annotated", "lines_of"]

_SMALLEST, _SHARE = 10, 40  # pixels of a line, and lines of a picture
_LONGEST = 80  # characters
_TECHNIQUE = (
    ("KVP", "{} kV"),
    ("XRayTubeCurrent", "{} mA"),
    ("ExposureTime", "{} ms"),
    ("Exposure", "{} mAs"),
    ("MagneticFieldStrength", "{} T"),
    ("RepetitionTime", "TR {} ms"),
    ("EchoTime", "TE {} ms"),
    ("SliceThickness", "thickness {} mm"),
    ("SliceLocation", "location {} mm"),
)


def annotated(
    pixels: Array, header: Dataset, wanted: Collection[Annotation], voi: str = ""
) -> Array:
    """``pixels`` with the lines of ``wanted``: patient at the top, technique at the bottom.

    White with a black edge, so that they can be read on everything.
    """
    size = max(_SMALLEST, pixels.shape[0] // _SHARE)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    canvas, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    white, black = ((255,) * 3, (0,) * 3) if pixels.ndim == 3 else (255, 0)
    for kind in sorted(wanted, key=lambda each: each.value):
        text = "\n".join(lines_of(header, kind, voi))
        top = kind is Annotation.PATIENT
        place = (size // 2, size // 2 if top else pixels.shape[0] - size // 2)
        canvas.text(
            place,
            text,
            fill=white,
            font=font,
            anchor="la" if top else "ld",
            stroke_width=max(1, size // 10),
            stroke_fill=black,
        )
    return np.asarray(image)


def lines_of(header: Dataset, kind: Annotation, voi: str = "") -> list[str]:
    """What is written; characters that the font has not are question marks."""
    lines = _patient(header) if kind is Annotation.PATIENT else _technique(header, voi)
    return [
        line[:_LONGEST].encode("latin-1", "replace").decode("latin-1") for line in lines if line
    ]


def _patient(header: Dataset) -> Iterator[str]:
    groups = text_of(header, "PatientName").split("=")
    yield ", ".join(part for part in groups[0].split("^") if part) or groups[-1]
    yield text_of(header, "PatientID")
    born, sex = text_of(header, "PatientBirthDate"), text_of(header, "PatientSex")
    yield "  ".join(part for part in (born, sex) if part)


def _technique(header: Dataset, voi: str) -> Iterator[str]:
    yield " ".join(
        part
        for keyword in ("Modality", "StudyDate", "ManufacturerModelName")
        if (part := text_of(header, keyword))
    )
    values = ((text_of(header, keyword), form) for keyword, form in _TECHNIQUE)
    yield "  ".join(form.format(value) for value, form in values if value)
    yield voi
