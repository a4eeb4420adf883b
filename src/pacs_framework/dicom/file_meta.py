"""What is known of an instance without reading its data set: identity, SOP class, encoding."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FileMeta", "InstanceKind"]


@dataclass(slots=True, kw_only=True)  # not frozen, which would double the time it takes to make
class FileMeta:
    """What was announced of an instance before its data set: the core of Part 10's header.

    ``prefix`` holds the bytes in front of the data set as they are to be kept (128 bytes of
    preamble, ``DICM``, group 0002) when the instance arrives as a file; None has them written.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    prefix: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceKind:
    """What a presentation context has to carry: a SOP class in a transfer syntax."""

    sop_class_uid: str
    transfer_syntax_uid: str
