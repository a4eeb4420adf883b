"""The hooks: one codec."""

from __future__ import annotations

from collections.abc import Sequence

from pacs_framework import hookimpl
from pacs_framework.codecs.codec import Codec

from pacs_samplename.deflated import DeflatedFrames

__all__ = ["codecs"]


@hookimpl
def codecs() -> Sequence[Codec]:
    """One for each transfer syntax that is offered."""
    return [DeflatedFrames()]
