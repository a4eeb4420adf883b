"""The section ``[plugin.anonymize]``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from pydantic import Field, model_validator

from pacs_anonymize.engine.options import Option
from pacs_anonymize.keys import MAKE_ONE
from pacs_anonymize.names import names_of
from pacs_framework.config import Section
from pacs_framework.config.keys import KeyReference
from pacs_framework.config.types import OptionalPath
from pacs_framework.errors import ConfigurationError

__all__ = ["AnonymizeSettings", "ProfileSettings", "StoreRule"]


class ProfileSettings(Section):
    """An anonymizer of the site's own: options of PS3.15 Annex E, or a profile file."""

    options: tuple[Option, ...] = Field(
        default=(),
        description=(
            "Options of PS3.15 E.3 on top of the Basic Application Level Confidentiality Profile."
        ),
    )
    file: OptionalPath = Field(
        default=None, description="Profile file; `pacs anonymize lint FILE` explains one."
    )

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.file is not None and self.options:
            raise ValueError("options are written into the profile file where there is one")
        return self


class StoreRule(Section):
    """Which instances are de-identified on their way in, and by which anonymizer."""

    anonymizer: str = Field(
        min_length=1, description="Name of an anonymizer; `pacs anonymize profiles` lists them."
    )
    calling_aet: str = Field(default="", description="Pattern for the AE title of the sender.")
    called_aet: str = Field(default="", description="Pattern for the AE title that was called.")
    modality: str = Field(default="", description="Pattern for Modality (0008,0060).")
    sop_class: str = Field(
        default="", description="Pattern for the SOP class: its UID or its keyword in PS3.6."
    )
    station_name: str = Field(default="", description="Pattern for Station Name (0008,1010).")


class AnonymizeSettings(KeyReference):
    """De-identification by PS3.15 Annex E: profiles, and rules for what comes in."""

    profiles: dict[str, ProfileSettings] = Field(
        default_factory=dict,
        description=(
            "Anonymizers of the site's own, by name: [plugin.anonymize.profiles.NAME] with "
            "options or file."
        ),
    )
    on_store: tuple[StoreRule, ...] = Field(
        default=(),
        description=(
            "Rules for what comes in, [[plugin.anonymize.on_store]]; the first one whose patterns "
            "all fit has the instance de-identified before it is kept. What none fits is kept as "
            "it came. Each pattern may hold *, ? and [...]; one that is left out fits everything."
        ),
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> Iterator[str]:
        try:
            key = self.read_key()
            if self.profiles:
                # Not above: an archive that has none of its own starts without loading any.
                from pacs_anonymize.profiles.known import profiles_of  # noqa: PLC0415

                profiles_of(self)
        except ConfigurationError as error:
            yield str(error)
            return
        if key is None and any(rule.anonymizer in names_of(self) for rule in self.on_store):
            yield (
                "rules in on_store need a key for their pseudonyms: set key_file or key_env; "
                f"{MAKE_ONE}"
            )
