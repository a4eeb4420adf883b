"""The hooks: one codec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs_framework import hookimpl
from pacs_framework.codecs.codec import Codec

from pacs_samplename.deflated import DeflatedFrames

if TYPE_CHECKING:
    from pacs_framework.conformance.records import Contribution

__all__ = ["codecs", "conformance"]


@hookimpl
def codecs() -> Sequence[Codec]:
    """One for each transfer syntax that is offered."""
    return [DeflatedFrames()]


@hookimpl
def conformance() -> Sequence[Contribution]:
    """Document which pixel data are decoded."""
    # Not above: only `pacs conformance` asks.
    from pacs_samplename.conformance import contributions  # noqa: PLC0415

    return contributions()
