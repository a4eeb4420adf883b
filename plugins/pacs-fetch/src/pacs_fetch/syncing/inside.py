"""One study that both archives have, compared by its series or instance by instance."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pacs_fetch.datasets import number_of, text_of
from pacs_framework.dicom.attributes import Level

if TYPE_CHECKING:
    from pacs_fetch.sources import OtherArchive
    from pacs_framework.archive.archive import Archive

__all__ = ["FEW", "Inside", "SeriesCounts", "compared_inside"]

FEW = 100
"""So many instances of each side are named; all are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesCounts:
    """A series of which both have not as many instances."""

    series: str
    there: int
    here: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """How a study differs inside: at the level of series, and at that of instances."""

    series: list[SeriesCounts] = field(default_factory=list)
    only_there: int = 0
    only_here: int = 0
    named_there: list[str] = field(default_factory=list)
    named_here: list[str] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.series or self.only_there or self.only_here)

    @property
    def missing_here(self) -> bool:
        """Whether the other has something that we have not."""
        return bool(self.only_there) or any(each.there > each.here for each in self.series)


def compared_inside(archive: Archive, peer: OtherArchive, study: str, level: Level) -> Inside:
    """Compare ``study`` at ``level``, SERIES or IMAGE. Raises as `OldArchive.find` does."""
    if level is Level.SERIES:
        return Inside(series=_series(archive, peer, study))
    there = set(peer.instances(study))
    here = {instance.sop_instance_uid for instance in archive.lookup.instances(study)}
    only_there, only_here = sorted(there - here), sorted(here - there)
    return Inside(
        only_there=len(only_there),
        only_here=len(only_here),
        named_there=only_there[:FEW],
        named_here=only_here[:FEW],
    )


def _series(archive: Archive, peer: OtherArchive, study: str) -> list[SeriesCounts]:
    here = Counter(instance.series_instance_uid for instance in archive.lookup.instances(study))
    there = _series_there(peer, study)
    return [
        SeriesCounts(series=uid, there=there.get(uid, 0), here=here[uid])
        for uid in sorted({*here, *there})
        if there.get(uid, 0) != here[uid]
    ]


def _series_there(peer: OtherArchive, study: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    keys = {"StudyInstanceUID": study, "SeriesInstanceUID": ""}
    for answer in list(peer.find("SERIES", {**keys, "NumberOfSeriesRelatedInstances": ""})):
        uid = text_of(answer, "SeriesInstanceUID")
        number = number_of(answer, "NumberOfSeriesRelatedInstances")
        if number is None:  # it does not count; so we do
            images = {**keys, "SeriesInstanceUID": uid, "SOPInstanceUID": ""}
            number = len({text_of(each, "SOPInstanceUID") for each in peer.find("IMAGE", images)})
        counts[uid] = max(number, counts.get(uid, 0))
    return counts
