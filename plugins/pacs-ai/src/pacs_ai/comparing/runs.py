"""Two runs, or two instances, held against each other: each result against that of its kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Union

from pydicom import Dataset

from pacs_ai.book import NoSuchRun, State
from pacs_ai.comparing.reading import NotComparable, read
from pacs_ai.comparing.reports import Judgements, Numbers, differences
from pacs_ai.comparing.segments import Agreement, agreements
from pacs_ai.results.checking import SEGMENTATIONS

if TYPE_CHECKING:
    from pacs_ai.book import Book, RunRecord
    from pacs_framework.archive.archive import Archive

__all__ = ["Compared", "compare", "compare_runs"]

Compared = Union[Agreement, Numbers, Judgements]  # noqa: UP007 - read at run time, too


def compare(
    archive: Archive, book: Book, first: str, second: str, *, shadow: Path | None = None
) -> list[Compared]:
    """Of two runs, or of two instances: UIDs or files.

    ``shadow`` is where results lie that were kept apart. Raises `NotComparable`, and as opening
    does.
    """
    runs = [_run(book, name) for name in (first, second)]
    one, other = runs
    if one is not None and other is not None:
        return compare_runs(archive, book, one, other, shadow=shadow)
    if one is not None or other is not None:
        raise NotComparable("a run is compared with a run, and an instance with an instance")
    return list(_instances(read(archive, first), read(archive, second)))


def compare_runs(
    archive: Archive, book: Book, first: RunRecord, second: RunRecord, *, shadow: Path | None = None
) -> list[Compared]:
    """Segmentations and reports of two runs, in their order. Raises `NotComparable`.

    What the two have a different number of is compared as far as both have it.
    """
    if (first.study_instance_uid, first.series_instance_uid) != (
        second.study_instance_uid,
        second.series_instance_uid,
    ):
        raise NotComparable("the two runs are of different series")
    for each in (first, second):
        if each.state is State.NOTHING:
            raise NotComparable(f"run {each.uid!r} found nothing: {each.reason}")
    found: list[Compared] = []
    made = [_made(archive, book, each, shadow) for each in (first, second)]
    for kind in (_is_segmentation, _is_report):
        pairs = zip(*([each for each in results if kind(each)] for results in made), strict=False)
        for one, other in pairs:
            found += _instances(one, other)
    if not found:
        raise NotComparable("the two runs have no segmentations and no reports to compare")
    return found


def _run(book: Book, name: str) -> RunRecord | None:
    try:
        record = book.find(name)
    except NoSuchRun:
        return None
    return record if record.uid == name else None


def _made(archive: Archive, book: Book, record: RunRecord, shadow: Path | None) -> list[Dataset]:
    results = []
    for each in book.results(record):
        name = each.sop_instance_uid
        if not each.stored:
            if shadow is None:
                raise NotComparable(
                    f"run {record.uid!r} kept its results apart: say where (--shadow)"
                )
            name = str(shadow / f"{name}.dcm")
        results.append(read(archive, name))
    return results


def _is_segmentation(made: Dataset) -> bool:
    return str(made.SOPClassUID) in SEGMENTATIONS


def _is_report(made: Dataset) -> bool:
    return str(made.get("Modality", "")) == "SR"


def _instances(first: Dataset, second: Dataset) -> Sequence[Compared]:
    if _is_segmentation(first) and _is_segmentation(second):
        return agreements(first, second)
    if _is_report(first) and _is_report(second):
        return differences(first, second)
    raise NotComparable("what is compared are two segmentations or two measurement reports")
