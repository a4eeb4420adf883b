"""The section ``[plugin.compress]``."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pacs_framework.archive.incoming import Compression
from pacs_framework.codecs.asked_for import AskedFor, SOPClasses, Words
from pacs_framework.codecs.syntaxes import syntax_name

__all__ = ["CompressSettings", "Rule"]


class Rule(AskedFor):
    """Which instances are compressed, and how. What is left out matches every instance."""

    calling_aet: Words = Field(
        default=(), description='AE titles that send, with * and ? as in "CT*"; empty: any.'
    )
    modality: Words = Field(default=(), description='Modality, such as "CT"; empty: any.')
    sop_class: SOPClasses = Field(
        default=(),
        description='SOP Class UIDs or their keywords, such as "CTImageStorage"; empty: any.',
    )
    recompress: bool = Field(
        default=False,
        description="Take instances that are compressed without loss, too; others are left.",
    )

    @model_validator(mode="after")
    def _compresses(self) -> Self:
        self.compression()
        return self

    def compression(self) -> Compression:
        """What the kernel is asked for. Raises ValueError for a syntax that is not compressed."""
        reason = f"a rule for {syntax_name(self.to)}"
        return Compression(to=self.to, loss=self.loss, reason=reason)


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
