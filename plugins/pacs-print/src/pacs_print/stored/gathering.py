"""The images of a stored series as a printer wants them, in the order of their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_framework.archive.outgoing import Recipient
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.frames import read_stored_image
from pacs_print.scu.preparing import Look, drawn

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_print.film import FilmImage
    from pacs_print.stored.waiting import WaitingSeries

__all__ = ["gathered", "in_order", "study_of"]

_OF_STUDY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)

_LAST = 1 << 31


def study_of(archive: Archive, found: WaitingSeries) -> Dataset | None:
    """Patient and study as a film of it has them; None where it is gone."""
    keys = Dataset()
    for keyword in _OF_STUDY:
        setattr(keys, keyword, "")
    keys.StudyInstanceUID = found.study_instance_uid
    keys.SeriesInstanceUID = found.series_instance_uid
    # By the series: a study may have been named by that alone.
    answer = next(iter(archive.query.find(Level.SERIES, Root.STUDY, keys, relational=True)), None)
    if answer is None:
        return None
    study = Dataset()  # without what an answer has to say of itself
    for keyword in _OF_STUDY:
        if keyword in answer:
            study[keyword] = answer[keyword]
    return study


def gathered(archive: Archive, uids: Iterable[str], look: Look, aet: str) -> Iterator[FilmImage]:
    """The images of instances for a printer that is called ``aet``, as they may be given to it.

    What is no image is passed over. Raises `PacsError` for one that cannot be drawn or given out:
    a film that lacks an image without saying so is worse than none.
    """
    opener = archive.retrieve.opener(Recipient(door="print", aet=aet))
    for uid in uids:
        named = Dataset()
        named.SOPInstanceUID = uid
        located = archive.retrieve.locate(Level.IMAGE, Root.STUDY, named, relational=True)
        for stored in located:
            opened = opener.open(stored)
            try:
                image = read_stored_image(
                    opened.data, opened.instance.transfer_syntax_uid, archive.transcoding.decoder
                )
                if isinstance(image, Dataset):
                    if "Rows" in image:
                        raise UnreadableInstance(f"instance {uid} is an image without pixel data")
                    continue
                for number, frame in image.frames(range(1, image.number_of_frames + 1)):
                    yield drawn(frame, image.header, number, look)
            finally:
                opened.data.close()


def _is_for(found: WaitingSeries, answer: Dataset) -> bool:
    return found.errand.is_for(
        str(answer.get("Modality", "")), str(answer.get("SeriesDescription", ""))
    )


def _keys(found: WaitingSeries) -> Dataset:
    keys = Dataset()
    if found.study_instance_uid:
        keys.StudyInstanceUID = found.study_instance_uid
    keys.SeriesInstanceUID = found.series_instance_uid
    return keys


def in_order(archive: Archive, found: WaitingSeries) -> list[str]:
    """The SOP Instance UIDs that its errand is for, series by series and by Instance Number
    (0020,0013); empty where it is for none, or nothing is stored any more.
    """
    keys = _keys(found)
    keys.SOPInstanceUID = keys.InstanceNumber = keys.SeriesNumber = ""
    keys.Modality = keys.SeriesDescription = ""
    rows = [
        (
            _number(answer, "SeriesNumber"),
            str(answer.get("SeriesInstanceUID", "")),
            _number(answer, "InstanceNumber"),
            str(answer.SOPInstanceUID),
        )
        for answer in archive.query.find(Level.IMAGE, Root.STUDY, keys, relational=True)
        if _is_for(found, answer)
    ]
    return [uid for *_, uid in sorted(rows)]


def _number(answer: Dataset, keyword: str) -> int:
    value = answer.get(keyword)
    return _LAST if value in (None, "") else int(value)
