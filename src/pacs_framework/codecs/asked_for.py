"""The keys by which rules in a configuration ask for transfer syntaxes, and how much may be lost.

One model for all plugins that have such rules, so that they mean the same and refuse the same.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
from pydicom import uid

from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.syntaxes import LOSSY_METHODS, is_lossless, named_syntax, syntax_name
from pacs_framework.dicom.uids import is_valid_uid

__all__ = ["AskedFor", "SOPClasses", "Words"]


def _several(value: object) -> object:
    """One word is as good as a list of one."""
    return (value,) if isinstance(value, str) else value


def _sop_classes(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_sop_class(word) for word in words)


def _sop_class(word: str) -> str:
    """The UID that ``word`` means: itself, or that of the keyword."""
    if is_valid_uid(word):
        return word
    found = getattr(uid, word, None)
    if not (isinstance(found, uid.UID) and found.type == "SOP Class"):
        raise ValueError(f"{word!r} is neither a UID nor the keyword of a SOP class")
    return str(found)


Words = Annotated[tuple[str, ...], BeforeValidator(_several)]
"""One word or a list of them."""

SOPClasses = Annotated[Words, AfterValidator(_sop_classes)]
"""SOP Class UIDs, also said by their keywords."""


class AskedFor(BaseModel):
    """A transfer syntax, and the loss that is allowed in it. Base of the rules of plugins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: str = Field(
        description='Transfer syntax: a UID, a keyword, or a name of pacs convert, such as "htj2k".'
    )
    lossy: bool = Field(default=False, description="Allow a transfer syntax that loses something.")
    quality: float | None = Field(
        default=None, description="How much may be lost: quality as in pacs convert."
    )
    ratio: float | None = Field(
        default=None, description="How much may be lost: how many times smaller a frame has to be."
    )
    near: int | None = Field(
        default=None, description="How much may be lost: the largest difference of a sample."
    )

    @field_validator("to")
    @classmethod
    def _is_a_syntax(cls, value: str) -> str:
        return named_syntax(value)

    @model_validator(mode="after")
    def _loses_what_it_says(self) -> Self:
        name = syntax_name(self.to)
        if not self.lossy and not is_lossless(self.to):
            raise ValueError(f"to {name} may lose information: lossy = true allows it")
        if self.lossy != (len(self._losses()) == 1):
            raise ValueError("lossy = true takes one of quality, ratio and near, and they take it")
        if self.loss is not None and self.to not in LOSSY_METHODS:
            raise ValueError(f"to {name} nothing is compressed with {self.loss}")
        return self

    @property
    def loss(self) -> Loss | None:
        """What may be lost; None for nothing."""
        losses = self._losses()
        return Loss(*losses[0]) if losses else None

    def _losses(self) -> list[tuple[Measure, float]]:
        amounts = {
            Measure.QUALITY: self.quality,
            Measure.RATIO: self.ratio,
            Measure.NEAR: self.near,
        }
        return [(measure, amount) for measure, amount in amounts.items() if amount is not None]
