"""How relevant an earlier study is for a step of the worklist, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_fetch.settings import Relevant

if TYPE_CHECKING:
    from pacs_fetch.priors.scheduled import Step

__all__ = ["BUILT_IN", "Earlier", "Judgement", "judged"]

_SAME, _UNKNOWN = "same", "unknown"

BUILT_IN: tuple[Relevant, ...] = (
    Relevant(prior_modality=("same",), prior_region=("same",), score=100),
    Relevant(
        modality=("CR", "DX", "RG"),
        prior_modality=("CR", "DX", "RG"),
        prior_region=("same",),
        score=100,
    ),
    Relevant(
        modality=("CT", "MR", "PT", "NM"),
        prior_modality=("CT", "MR", "PT", "NM"),
        prior_region=("same",),
        score=80,
    ),
    Relevant(
        modality=("MG",),
        prior_modality=("MG", "US", "MR"),
        prior_region=("same", "unknown"),
        score=80,
    ),
    Relevant(prior_region=("same",), score=60),
    Relevant(prior_modality=("same",), prior_region=("unknown",), score=50),
    Relevant(prior_modality=("same",), score=20),
)
"""What counts where the settings say nothing; what fits none of these scores 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A study of a patient, as its archive tells it. ``date`` is ``YYYYMMDD``, or empty."""

    uid: str
    date: str = ""
    modalities: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    description: str = ""
    instances: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A score from 0 to 100, and a phrase that says what it comes of."""

    score: int
    why: str


def judged(step: Step, study: Earlier, table: Sequence[Relevant]) -> Judgement:
    """By the first row of ``table`` that fits the step and the study."""
    modality = _modality_of(step, study)
    region = _region_of(step.regions, study.regions)
    for row in table:
        if _fits(row, step, study, region):
            return Judgement(row.score, f"{modality}, {region}")
    return Judgement(0, f"{modality}, {region}")


def _modality_of(step: Step, study: Earlier) -> str:
    if not study.modalities:
        return "modality unknown"
    if step.modality in study.modalities:
        return f"same modality {step.modality}"
    return f"modality {'+'.join(sorted(study.modalities))} for {step.modality}"


def _region_of(wanted: Collection[str], found: Collection[str]) -> str:
    if not wanted or not found:
        return "region unknown"
    shared = set(wanted) & set(found)
    return f"same region {'+'.join(sorted(shared))}" if shared else "another region"


def _fits(row: Relevant, step: Step, study: Earlier, region: str) -> bool:
    wanted = {step.modality if each == _SAME else each for each in row.prior_modality}
    regions = set(row.prior_region)
    return (
        (not row.modality or step.modality in row.modality)
        and (not row.region or bool(step.regions.intersection(row.region)))
        and (not wanted or bool(study.modalities & wanted))
        and (
            not regions
            or (_SAME in regions and region.startswith("same"))
            or (_UNKNOWN in regions and region.startswith("region unknown"))
            or bool(study.regions & (regions - {_SAME, _UNKNOWN}))
        )
    )
