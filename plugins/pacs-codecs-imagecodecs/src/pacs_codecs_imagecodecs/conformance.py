"""What the conformance statement says of the codecs."""

from __future__ import annotations

from pacs_codecs_imagecodecs.codecs import available
from pacs_framework.codecs.syntaxes import syntax_name
from pacs_framework.conformance.records import Contribution, Remark, Topic

__all__ = ["contributions"]


def contributions() -> list[Contribution]:
    """The transfer syntaxes that are decoded here, and when."""
    names = sorted({syntax_name(each.transfer_syntax) for each in available() if each.decodes})
    return [
        Remark(
            topic=Topic.STORAGE,
            text=(
                "Pixel data are decoded, for receivers that do not accept the stored transfer "
                f"syntax only, of: {'; '.join(names)}. The stored instance stays as it is."
            ),
        )
    ]
