"""Messages as a person reads them."""

from __future__ import annotations

from pacs_hl7.charsets import codec_of
from pacs_hl7.faults import Fault
from pacs_hl7.message import read_header

__all__ = ["readable"]


def readable(data: bytes) -> str:
    """The text of a message; what cannot be decoded shows as question marks."""
    try:
        head = read_header(data)
        codec = codec_of(head.repetitions(head.header.field(18)))
    except Fault:
        codec = "ascii"
    return data.decode("utf-8" if codec == "ascii" else codec, "replace")
