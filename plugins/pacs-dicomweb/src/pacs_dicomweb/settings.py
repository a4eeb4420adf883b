"""The section ``[plugin.dicomweb]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pacs_framework.codecs.asked_for import SOPClasses, Words
from pacs_framework.dicomweb.settings import Login
from pacs_framework.errors import ConfigurationError

if TYPE_CHECKING:
    from pacs_framework.dicomweb.server import Server

__all__ = ["DicomwebSettings", "ForwardRule"]


class ForwardRule(Login):
    """Which instances go on to a server by STOW-RS. What is left out matches every instance."""

    name: str = Field(min_length=1, max_length=64, description="What the server is called here.")
    url: str = Field(description='Its service, such as "https://pacs.example.org/dicom-web".')
    calling_aet: Words = Field(
        default=(), description='AE titles that sent it, with * and ? as in "CT*"; empty: any.'
    )
    modality: Words = Field(default=(), description='Modality, such as "CT"; empty: any.')
    sop_class: SOPClasses = Field(
        default=(), description="SOP Class UIDs or their keywords; empty: any."
    )
    timeout: float = Field(default=60.0, gt=0, description="Seconds without any byte.")
    retry_first: float = Field(
        default=5.0, gt=0, description="Seconds to the next attempt, doubled with each failure."
    )
    retry_longest: float = Field(default=600.0, gt=0, description="The longest such pause.")
    give_up_after: float = Field(
        default=0.0, ge=0, description="Seconds of trying; what is given up stays listed. 0: never."
    )

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        try:
            self.reached()
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        return self

    def reached(self) -> Server:
        """How it is reached. Raises `ConfigurationError`."""
        return self.server(self.url, self.timeout)


class DicomwebSettings(BaseModel):
    """How requests are answered, and what is forwarded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_answers: int = Field(
        default=0,
        ge=0,
        description="The most matches of one search; more are to be had by offset. 0 is no limit.",
    )
    inline_bytes: int = Field(
        default=1024,
        ge=0,
        le=1 << 20,
        description="Binary values in metadata up to so many bytes are inline, longer ones by URI.",
    )
    metadata_mebibytes: int = Field(
        default=1024,
        ge=0,
        description="Room for prepared metadata of series; 0 prepares none.",
    )
    rendered_megapixels: int = Field(
        default=100,
        ge=1,
        le=268,
        description="The most pixels of a frame, and of a picture made of it, in millions.",
    )
    rendered_megavoxels: int = Field(
        default=128,
        ge=1,
        le=4096,
        description=(
            "The most voxels of a volume that is rendered, and samples taken of it for an answer, "
            "in millions; one volume is in memory at a time, of two bytes for each voxel as a rule."
        ),
    )
    delete: bool = Field(
        default=False,
        description="Answer DELETE of studies, series and instances, for who may delete.",
    )
    anonymizer: str = Field(
        default="",
        description="Anonymizer for anonymize=yes of WADO-URI; without one it is refused.",
    )
    forward: tuple[ForwardRule, ...] = Field(
        default=(),
        description=(
            "Servers that what comes in goes on to, each by rules of its own; for example "
            '[[plugin.dicomweb.forward]] with name = "cloud", url and modality = "CT".'
        ),
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [rule.name for rule in self.forward]
        if len(set(names)) != len(names):
            raise ValueError("two servers of forward have the same name")
        return self
