"""The section ``[plugin.compress]``."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
from pydicom import uid

from pacs_framework.archive.incoming import Compression
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.syntaxes import is_lossless, named_syntax, syntax_name
from pacs_framework.dicom.uids import is_valid_uid

__all__ = ["CompressSettings", "Rule"]


def _several(value: object) -> object:
    """One word is as good as a list of one."""
    return (value,) if isinstance(value, str) else value


_Words = Annotated[tuple[str, ...], BeforeValidator(_several)]


class Rule(BaseModel):
    """Which instances are compressed, and how. What is left out matches every instance."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calling_aet: _Words = Field(
        default=(), description='AE titles that send, with * and ? as in "CT*"; empty: any.'
    )
    modality: _Words = Field(default=(), description='Modality, such as "CT"; empty: any.')
    sop_class: _Words = Field(
        default=(),
        description='SOP Class UIDs or their keywords, such as "CTImageStorage"; empty: any.',
    )
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
    recompress: bool = Field(
        default=False,
        description="Take instances that are compressed without loss, too; others are left.",
    )

    @field_validator("to")
    @classmethod
    def _is_a_syntax(cls, value: str) -> str:
        return named_syntax(value)

    @field_validator("sop_class")
    @classmethod
    def _are_classes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_sop_class(word) for word in value)

    @model_validator(mode="after")
    def _loses_what_it_says(self) -> Self:
        name = syntax_name(self.to)
        if not self.lossy and not is_lossless(self.to):
            raise ValueError(f"to {name} may lose information: lossy = true allows it")
        if self.lossy != (len(self._losses()) == 1):
            raise ValueError("lossy = true takes one of quality, ratio and near, and they take it")
        self.compression()
        return self

    def _losses(self) -> list[tuple[Measure, float]]:
        amounts = {
            Measure.QUALITY: self.quality,
            Measure.RATIO: self.ratio,
            Measure.NEAR: self.near,
        }
        return [(measure, amount) for measure, amount in amounts.items() if amount is not None]

    def compression(self) -> Compression:
        """What the kernel is asked for. Raises ValueError where syntax and loss do not fit."""
        losses = self._losses()
        loss = Loss(*losses[0]) if losses else None
        return Compression(to=self.to, loss=loss, reason=f"a rule for {syntax_name(self.to)}")


def _sop_class(word: str) -> str:
    """The UID that ``word`` means: itself, or that of the keyword."""
    if is_valid_uid(word):
        return word
    found = getattr(uid, word, None)
    if not (isinstance(found, uid.UID) and found.type == "SOP Class"):
        raise ValueError(f"{word!r} is neither a UID nor the keyword of a SOP class")
    return str(found)


class CompressSettings(BaseModel):
    """Which instances are stored in another transfer syntax than they arrive in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[Rule, ...] = Field(
        default=(),
        description=(
            "Rules in the order of asking, the first that matches counts; for example "
            '[[plugin.compress.rules]] with modality = "CT" and to = "htj2k".'
        ),
    )
