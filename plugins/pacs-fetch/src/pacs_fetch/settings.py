"""The section ``[plugin.fetch]``."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from pacs_framework.codecs.asked_for import Words
from pacs_framework.config.hours import checked_hours
from pacs_framework.config.types import AETitle, Seconds, SecondsOrForever, Section

__all__ = ["FetchSettings", "Priors", "Pull", "Relevant", "Retrieve", "Source", "times_of"]

_Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$")]
_time = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII).fullmatch


def times_of(texts: Iterable[str]) -> list[dt.time]:
    """From ``18:00``. Raises ValueError."""
    times = []
    for text in texts:
        match = _time(text.strip())
        if match is None:
            raise ValueError(f'{text!r} is no time of day: write "18:00"')
        times.append(dt.time(int(match[1]), int(match[2])))
    return times


def _checked_times(texts: tuple[str, ...]) -> tuple[str, ...]:
    times_of(texts)
    return texts


_Times = Annotated[Words, AfterValidator(_checked_times)]


class Retrieve(StrEnum):
    """How studies are made to come (PS3.4 C.4.2 and C.4.3)."""

    MOVE = "move"
    GET = "get"


class Source(Section):
    """Another archive that is fetched from, and how it is treated."""

    name: _Name = Field(description="What settings and commands call it: small letters and digits.")
    peer: AETitle = Field(description="AE title of the archive in [peers].")
    retrieve: Retrieve = Field(
        default=Retrieve.MOVE,
        description=(
            "How studies come: by C-MOVE to our own AE title, which the archive has to know with "
            "host and port, or by C-GET on our own association."
        ),
    )
    at_once: int = Field(
        default=1, ge=1, le=32, description="Studies at a time, on all nodes together."
    )
    per_minute: int = Field(
        default=0, ge=0, description="Studies begun within a minute at most; 0: no limit."
    )
    hours: Annotated[Words, AfterValidator(checked_hours)] = Field(
        default=(),
        description='When it may be asked, such as "20:00-06:00"; empty: at any time.',
    )
    issuer: str = Field(
        default="",
        max_length=64,
        description=(
            "Issuer of the Patient IDs that it knows patients by; empty: the same that we do. With "
            "another one, patients are asked for by an ID of it that is linked with ours."
        ),
    )
    most_answers: int = Field(
        default=0,
        ge=0,
        description=(
            "Answers of a query after which it ends as if these were all; so many count as broken "
            "off. 0: it says so, as the standard wants it."
        ),
    )
    attempts: int = Field(
        default=5, ge=0, description="Attempts for a study that does not come whole; 0: no end."
    )
    retry_first: Seconds = Field(
        default=30.0, description="Seconds to the next attempt, doubled with each failure."
    )
    retry_longest: Seconds = Field(default=1800.0, description="The longest such pause.")
    give_up_after: SecondsOrForever = Field(
        default=2 * 86400.0,
        description="Age at which a study is given up that could not be fetched; 0: never.",
    )

    @model_validator(mode="after")
    def _pauses_grow(self) -> Self:
        if self.retry_longest < self.retry_first:
            raise ValueError(f"source {self.name!r}: retry_longest is less than retry_first")
        return self


class Relevant(Section):
    """How relevant a study is for a step of the worklist; the first that fits both counts."""

    modality: Words = Field(default=(), description="Modalities of the step; empty: any.")
    region: Words = Field(default=(), description="Regions of the step; empty: any.")
    prior_modality: Words = Field(
        default=(), description='Modalities of the study, or "same"; empty: any.'
    )
    prior_region: Words = Field(
        default=(),
        description='Regions of the study, "same", or "unknown" (of either); empty: any.',
    )
    score: int = Field(ge=0, le=100, description="0: never; 100: nothing is more relevant.")


class Priors(Section):
    """Earlier studies of patients who come soon, fetched before they do."""

    sources: Words = Field(
        default=(),
        description="Names of the sources that are asked, in this order; none: no priors.",
    )
    at: _Times = Field(
        default=("18:00",), description='Times of day when they are looked for, such as "18:00".'
    )
    days: int = Field(
        default=1, ge=0, le=31, description="Days to look ahead; 1 is tomorrow, 0 only today."
    )
    on_order: bool = Field(
        default=True,
        description=(
            "Look for them at once as well when a step of pacs-worklist is planned or changed that "
            "starts within these days, or today."
        ),
    )
    own_worklist: bool = Field(
        default=True, description="Take the steps of pacs-worklist, where that is active."
    )
    worklist_peers: Words = Field(
        default=(), description="AE titles in [peers] whose modality worklist is asked as well."
    )
    most: int = Field(default=3, ge=1, le=100, description="Most studies for a step.")
    max_age_days: int = Field(
        default=5 * 365, ge=0, description="No studies older than so many days; 0: of any age."
    )
    least_score: int = Field(
        default=50, ge=1, le=100, description="No studies that score less than this."
    )
    relevant: tuple[Relevant, ...] = Field(
        default=(),
        description=(
            "Scores, asked before the table that is built in; for example "
            '[[plugin.fetch.priors.relevant]] with modality = "MG", prior_modality = "US" and '
            "score = 90."
        ),
    )
    regions: dict[str, Words] = Field(
        default_factory=dict,
        description=(
            "Words by which a region of the body is known, besides those that are built in; for "
            'example knee = ["KNEE", "KNIE*"].'
        ),
    )


class Pull(Section):
    """What a source has more than we, fetched at times."""

    source: _Name = Field(description="Name of the source.")
    at: _Times = Field(default=("22:00",), description="Times of day when both are compared.")
    days: int = Field(
        default=7, ge=0, description="Study dates of so many days back, and of today."
    )


class FetchSettings(Section):
    """What is fetched, and where from."""

    source: tuple[Source, ...] = Field(
        default=(),
        description=(
            "Archives to fetch from; for example [[plugin.fetch.source]] with "
            'name = "old" and peer = "OLD".'
        ),
    )
    priors: Priors = Field(
        default_factory=Priors, description="Earlier studies of patients who come soon."
    )
    pull: tuple[Pull, ...] = Field(
        default=(),
        description=(
            "Sources that are compared with, and all of which is to be here; for example "
            '[[plugin.fetch.pull]] with source = "old" and at = "22:00".'
        ),
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        names = [each.name for each in self.source]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"two of source have the name {min(twice)!r}")
        wanted = [*self.priors.sources, *(each.source for each in self.pull)]
        unknown = [name for name in wanted if name not in names]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no source: write [[plugin.fetch.source]]")
        return self

    def named(self, name: str) -> Source | None:
        """The source of this name."""
        return next((each for each in self.source if each.name == name), None)
