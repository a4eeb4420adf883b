"""What the conformance statement says of the codec; `pacs conformance` prints it."""

from __future__ import annotations

from pacs_framework.conformance.records import Contribution, Remark, Topic

__all__ = ["contributions"]


def contributions() -> list[Contribution]:
    """The transfer syntax that is decoded here, and when."""
    text = (
        "Pixel data in Deflated Image Frame Compression are decoded for receivers that do not "
        "accept this transfer syntax. The stored instance stays as it is."
    )
    return [Remark(topic=Topic.STORAGE, text=text)]
