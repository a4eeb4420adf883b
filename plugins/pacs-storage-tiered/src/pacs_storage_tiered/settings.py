"""The section ``[plugin.storage-tiered]`` of the configuration."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from pacs_framework.config.types import Section, Size

__all__ = ["Settings", "TierSettings"]

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
_SCHEME = "tiered:"


class TierSettings(Section):
    """One tier: places that each hold a copy of every object in it."""

    name: _Name = Field(description="How commands and the log call it.")
    places: dict[_Name, str] = Field(
        min_length=1,
        description="Name of each place and its storage URL. A name stays with its objects: "
        "under another one a place is a new one.",
    )
    quorum: int | None = Field(
        default=None,
        ge=1,
        description="Copies that must be durable before SUCCESS; more than half of the places "
        "unless told.",
    )
    days: float = Field(
        default=90.0,
        ge=0,
        description="Objects that came in longer ago than this go on to the next tier.",
    )
    idle_days: float = Field(
        default=30.0,
        ge=0,
        description="They stay while their study was read within this time.",
    )

    @property
    def needed(self) -> int:
        """Copies that make an object durable."""
        return self.quorum if self.quorum is not None else len(self.places) // 2 + 1

    @model_validator(mode="after")
    def _quorum_can_be_reached(self) -> Self:
        if self.needed > len(self.places):
            raise ValueError(
                f"quorum = {self.quorum} needs as many places, and tier {self.name!r} has "
                f"{len(self.places)}"
            )
        return self

    @field_validator("places")
    @classmethod
    def _places_are_elsewhere(cls, value: dict[str, str]) -> dict[str, str]:
        for name, url in value.items():
            if url.startswith(_SCHEME):
                raise ValueError(f"place {name!r} is itself tiered; name a storage of another kind")
        return value


class Settings(Section):
    """Where copies of objects are, and when they go from one tier to the next."""

    tiers: tuple[TierSettings, ...] = Field(
        default=(),
        description="The tiers, the one that new objects come to first: name, places (name = "
        "storage URL), quorum, days, idle_days.",
    )
    patience: float = Field(
        default=2.0,
        ge=0.01,
        le=60,
        description="Seconds to wait for the other places once the quorum is reached. A slower one "
        "is repaired later.",
    )
    retry_after: float = Field(
        default=10.0,
        ge=0.1,
        le=3600,
        description="Seconds for which a place is left alone after three failures in a row, and "
        "before a repair is tried again; repairs then wait longer each time, up to ten minutes.",
    )
    recall: bool = Field(
        default=True,
        description="Whether an object that is read whole from a lower tier comes back to the "
        "first one. It is given out at once from where it is.",
    )
    recall_free: Size = Field(
        default=10 << 30,
        description="Nothing comes back while the first tier has less room than this: new objects "
        "need it.",
    )
    cycle: float = Field(
        default=3600.0,
        ge=0,
        description="Seconds between looks at what is to go on to the next tier; 0 for never, then "
        "`pacs tiers run` does it.",
    )
    cycle_size: Size = Field(
        default=100 << 30, description="Bytes that go to the next tier in one cycle at most."
    )
    cycle_objects: int = Field(
        default=100_000,
        ge=1,
        le=1_000_000,
        description="Objects that go to the next tier in one cycle at most.",
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for what, names in (
            ("tier", [tier.name for tier in self.tiers]),
            ("place", [name for tier in self.tiers for name in tier.places]),
            ("storage url", [url for tier in self.tiers for url in tier.places.values()]),
        ):
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                raise ValueError(f"{what} {twice[0]!r} is there twice; each needs its own")
        return self
