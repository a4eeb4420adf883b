"""Two archives held against each other, by ranges of study dates, so that memory is bounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_fetch.datasets import number_of, text_of
from pacs_fetch.syncing.inside import Inside, compared_inside
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.moving.listing import DateRange, found_in_ranges
from pacs_framework.moving.old_archive import FoundStudy

if TYPE_CHECKING:
    from pacs_fetch.sources import OtherArchive
    from pacs_framework.archive.archive import Archive

__all__ = ["Difference", "Part", "State", "compared"]


class State(StrEnum):
    """Who has what of a study."""

    ONLY_THERE = "only there"
    ONLY_HERE = "only here"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A study of which both have not the same. ``there`` and ``here`` count instances."""

    study: str
    date: str
    state: State
    there: int
    here: int
    inside: Inside = field(default_factory=Inside)

    @property
    def is_missing_here(self) -> bool:
        """Whether the other archive has something that we have not, as far as was looked."""
        return self.there > self.here or self.inside.missing_here

    @property
    def found(self) -> FoundStudy:
        """The study, to be fetched."""
        return FoundStudy(uid=self.study, date=self.date, instances=self.there or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A range of dates that was compared: studies on each side, and how they differ."""

    dates: DateRange
    there: int
    here: int
    differences: list[Difference]


def compared(
    archive: Archive, peer: OtherArchive, dates: DateRange, *, days: int, level: Level
) -> Iterator[Part]:
    """Ranges of ``days`` at most, the newest first, each when it was compared.

    ``level`` says how deep: STUDY compares numbers of instances, SERIES those of each series,
    IMAGE the instances themselves. A study is the same study on whatever date the other has it.
    Raises `Refused` where the other does not tell all of a day, and as `OldArchive.find` does.
    """
    limit = peer.settings.most_answers
    for part, found in found_in_ranges(peer, {}, dates, days=days, limit=limit):
        assert part is not None
        there = _by_uid(found)
        here = _here(archive, part)
        differences = [
            *_of_those_there(archive, peer, there, here, level),
            *_only_here(peer, {uid: n for uid, n in here.items() if uid not in there}, part),
        ]
        yield Part(dates=part, there=len(there), here=len(here), differences=differences)


def _by_uid(found: Iterable[FoundStudy]) -> Mapping[str, FoundStudy]:
    """Of two answers about one study, the one that counts more."""
    by_uid: dict[str, FoundStudy] = {}
    for study in found:
        known = by_uid.get(study.uid)
        if known is None or (study.instances or 0) > (known.instances or 0):
            by_uid[study.uid] = study
    return by_uid


def _here(archive: Archive, dates: DateRange) -> Mapping[str, int]:
    """How many instances we have, by study; one that is filed under two patients is one."""
    identifier = Dataset()
    identifier.StudyDate = str(dates)
    identifier.StudyInstanceUID = None
    identifier.NumberOfStudyRelatedInstances = None
    counts: Counter[str] = Counter()
    for answer in archive.query.find(Level.STUDY, Root.STUDY, identifier):
        number = number_of(answer, "NumberOfStudyRelatedInstances")
        counts[text_of(answer, "StudyInstanceUID")] += number or 0
    return counts


def _of_those_there(
    archive: Archive,
    peer: OtherArchive,
    there: Mapping[str, FoundStudy],
    here: Mapping[str, int],
    level: Level,
) -> Iterator[Difference]:
    for uid, study in there.items():
        # One that is not among ours may have another date here.
        ours = here.get(uid) or archive.lookup.count_of_study(uid)
        theirs = study.instances
        if not theirs:  # it does not count; so we do
            theirs = len(peer.instances(uid))
        inside = Inside()
        if ours and level is not Level.STUDY:
            inside = compared_inside(archive, peer, uid, level)
        if theirs == ours and not inside.differs:
            continue
        state = State.DIFFERS if ours else State.ONLY_THERE
        yield Difference(
            study=uid, date=study.date, state=state, there=theirs, here=ours, inside=inside
        )


def _only_here(
    peer: OtherArchive, here: Mapping[str, int], part: DateRange
) -> Iterator[Difference]:
    """Those that the other has on no other date either; if it has, they are compared there."""
    for uid, number in here.items():
        if not peer.studies({"StudyInstanceUID": uid}):
            yield Difference(study=uid, date=str(part), state=State.ONLY_HERE, there=0, here=number)
