"""The kinds of values that settings have: AE titles, ports, sizes, seconds, files."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

__all__ = [
    "AETitle",
    "AbsolutePath",
    "MaximumPdu",
    "OptionalPath",
    "PeerPort",
    "Port",
    "Seconds",
    "SecondsOrForever",
    "Section",
    "Size",
    "format_size",
    "parse_size",
]


class Section(BaseModel):
    """A section of the configuration: frozen, and no key but the known ones.

    Plugins may use it as the base of the model that they give to ``config_models``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


def _aet(value: str) -> str:
    """An AE title without the spaces around it, which mean nothing (PS3.5 section 6.2, VR AE)."""
    title = value.strip(" ")
    if not 1 <= len(title) <= 16:
        raise ValueError("an AE title has 1 to 16 characters")
    if "\\" in title or not (title.isascii() and title.isprintable()):
        raise ValueError("an AE title has ASCII characters only, no backslash and no control ones")
    return title


def _maximum_pdu(value: int) -> int:
    if value != 0 and not 4096 <= value < 1 << 32:
        raise ValueError("the longest PDU has at least 4096 bytes, or 0 for no limit")
    return value


_SIZE = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>[a-zA-Z]*)")
_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
}


def parse_size(value: object) -> object:
    """Text such as ``64 MiB`` as a number of bytes; anything but text is passed on as it is.

    KiB, MiB, GiB, TiB count by 1024, kB, MB, GB, TB by 1000. Raises `ValueError`.
    """
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    factor = _UNITS.get(match["unit"].lower()) if match else None
    if match is None or factor is None:
        raise ValueError("a size is a number of bytes or text such as '64 MiB' or '2 GB'")
    return (
        math.floor(float(match["number"]) * factor)
        if "." in match[0]
        else (int(match["number"]) * factor)
    )


def format_size(size: int) -> str:
    """The shortest exact text for a number of bytes: ``1 MiB``, ``1500 B``."""
    for unit, factor in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size} B"


def _absolute(value: Path) -> Path:
    return value.expanduser().absolute()


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


AETitle = Annotated[str, AfterValidator(_aet)]
"""Application Entity Title, 1 to 16 characters (PS3.5 section 6.2)."""

Port = Annotated[int, Field(ge=0, le=65535)]
"""A TCP port to listen on; 0 is any free one."""

PeerPort = Annotated[int, Field(ge=1, le=65535)]
"""A TCP port to connect to."""

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    Field(ge=0),
    WithJsonSchema({"type": "integer", "format": "size"}),
]
"""Bytes, as a number or as text with a unit."""

Seconds = Annotated[
    float,
    Field(gt=0, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "format": "seconds"}),
]
"""A duration in seconds."""

SecondsOrForever = Annotated[
    float,
    Field(ge=0, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "format": "seconds"}),
]
"""A duration in seconds; 0 never ends."""

MaximumPdu = Annotated[int, AfterValidator(_maximum_pdu)]
"""Maximum Length Received of a PDU (PS3.8 annex D.1): 0, or at least 4096."""

AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
"""A file or folder; made absolute when it is read."""

OptionalPath = Annotated[AbsolutePath | None, BeforeValidator(_empty_is_none)]
"""A file, or None where the text is empty."""
