"""C-FIND at study, series and image level on archives of three sizes."""

from __future__ import annotations

import random
from collections.abc import Callable

from bench import fill
from bench.client import filling, tasks
from bench.client.tasks import Query
from bench.peers import Peer
from bench.peers.filled import Filled, OrthancFilled
from bench.rows.base import Bench, Measured, Row

__all__ = ["query_rows"]

_QUERIES = 20
_SEED = 7
_STUDY_KEYS = (
    "PatientName",
    "PatientID",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "StudyDescription",
    "ModalitiesInStudy",
    "NumberOfStudyRelatedInstances",
)
_SERIES_KEYS = ("SeriesInstanceUID", "SeriesNumber", "Modality", "SeriesDescription")
_IMAGE_KEYS = ("SOPInstanceUID", "SOPClassUID", "InstanceNumber")
_LARGE_EVERY = 500


def _query(level: str, asked: tuple[str, ...], **keys: str) -> Query:
    return Query(level, {**dict.fromkeys(asked, ""), **keys})


def _by_uid(study: int) -> Query:
    uid = fill.study_values(study)["StudyInstanceUID"]
    return _query("STUDY", _STUDY_KEYS, StudyInstanceUID=uid)


def _by_patient(study: int) -> Query:
    return _query("STUDY", _STUDY_KEYS, PatientID=fill.study_values(study)["PatientID"])


def _by_accession(study: int) -> Query:
    number = fill.study_values(study)["AccessionNumber"]
    return _query("STUDY", _STUDY_KEYS, AccessionNumber=number)


def _by_name(study: int) -> Query:
    """The names that differ in the last digit: 10 patients, 20 studies."""
    name = fill.study_values(study)["PatientName"].partition("^")[0]
    return _query("STUDY", _STUDY_KEYS, PatientName=f"{name[:-1]}*")


def _by_day(study: int) -> Query:
    day = fill.day_of(study)
    return _query("STUDY", _STUDY_KEYS, StudyDate=f"{day}-{day}")


def _series(study: int) -> Query:
    large = study // _LARGE_EVERY * _LARGE_EVERY
    uid = fill.study_values(large)["StudyInstanceUID"]
    return _query("SERIES", _SERIES_KEYS, StudyInstanceUID=uid)


def _images(study: int) -> Query:
    large = study // _LARGE_EVERY * _LARGE_EVERY
    uid = fill.study_values(large)["StudyInstanceUID"]
    return _query(
        "IMAGE", _IMAGE_KEYS, StudyInstanceUID=uid, SeriesInstanceUID=fill.series_uid(large, 1)
    )


class Find(Row):
    """20 queries of one kind with keys from all over the archive: the median, in ms."""

    unit = "ms"
    table = "find"
    repeats = 7
    quick_repeats = 3
    figure = "last_ms"

    def __init__(
        self,
        name: str,
        title: str,
        make: Callable[[int], Query],
        matches: int,
        peers: tuple[str, ...],
    ) -> None:
        self.name, self.title, self.peers = f"find-{name}", title, peers
        self._make, self._matches = make, matches

    def prepare(self, bench: Bench, peer: Peer) -> None:
        """Orthanc is filled on the wire, 3,000 studies or nothing."""
        if isinstance(peer, OrthancFilled) and "filled" not in peer.state:
            bench.say(f"storing {peer.studies:,} studies in Orthanc")
            bench.client.run(filling.store_studies, peer.address, peer.studies)
            peer.state["filled"] = True

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """Each match is checked for by number."""
        assert isinstance(peer, Filled | OrthancFilled)
        chosen = random.Random(_SEED).sample(range(peer.studies), _QUERIES)
        sample = bench.client.run(tasks.find, peer.address, [self._make(n) for n in chosen])
        if sample.count != self._matches:
            raise ValueError(f"{sample.count} matches, {self._matches} were expected")
        return Measured(sample.figures[self.figure], sample.client_cpu / sample.seconds)


class FindFirst(Find):
    """The time to the first answer."""

    figure = "first_ms"


def query_rows(peers: tuple[str, ...]) -> list[Row]:
    """The rows, for peers of `bench.peers.filled`."""
    series, images, day = fill.SERIES_OF_LARGE, fill.IMAGES_OF_LARGE, fill.STUDIES_A_DAY
    return [
        Find("study-uid", "study by UID", _by_uid, 1, peers),
        Find("study-patient", "studies by PatientID", _by_patient, 2, peers),
        Find("study-accession", "study by AccessionNumber", _by_accession, 1, peers),
        Find("study-name", "studies by name prefix, 20 matches", _by_name, 20, peers),
        Find("study-day", "studies of a day, 100 matches", _by_day, day, peers),
        FindFirst("study-day-first", "the same, first answer", _by_day, day, peers),
        Find("series", f"series of a study, {series} matches", _series, series, peers),
        Find("images", f"images of a series, {images} matches", _images, images, peers),
    ]
