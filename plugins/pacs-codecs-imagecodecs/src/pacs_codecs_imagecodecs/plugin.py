"""The hooks of pacs-codecs-imagecodecs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs_framework import hookimpl

if TYPE_CHECKING:
    from pacs_framework.codecs.codec import Codec
    from pacs_framework.conformance.records import Contribution


@hookimpl
def codecs() -> Sequence[Codec]:
    """One codec for each transfer syntax."""
    # Not above: commands that only ask for plugins need none.
    from pacs_codecs_imagecodecs.codecs import available  # noqa: PLC0415

    return available()


@hookimpl
def conformance() -> Sequence[Contribution]:
    """Say what is decoded."""
    # Not above: only `pacs conformance` asks.
    from pacs_codecs_imagecodecs.conformance import contributions  # noqa: PLC0415

    return contributions()
