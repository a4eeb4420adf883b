"""Names in the pixels: what to do where nobody looks at them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from pacs_framework.errors import NotAnonymized

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["BurnedIn"]


class BurnedIn(StrEnum):
    """Which instances are refused, by their Burned In Annotation (0028,0301, PS3.3 C.7.6.1)."""

    REFUSE_YES = "refuse-yes"
    REFUSE_UNLESS_NO = "refuse-unless-no"
    ACCEPT = "accept"

    def check(self, dataset: Dataset) -> None:
        """Raise `NotAnonymized` for an instance whose pixels show text, or may do so.

        In an encapsulated document the attribute is about that, and the document is taken out.
        """
        if "EncapsulatedDocument" in dataset:
            return
        value = dataset.get("BurnedInAnnotation")
        if self is BurnedIn.REFUSE_YES and value == "YES":
            raise NotAnonymized("the pixels show text: Burned In Annotation (0028,0301) is YES")
        if self is BurnedIn.REFUSE_UNLESS_NO and value != "NO":
            raise NotAnonymized(
                "the pixels may show text: Burned In Annotation (0028,0301) is not NO"
            )
