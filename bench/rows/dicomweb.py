"""DICOMweb beside Orthanc with its plugin: a study out and in, searches, metadata of a series."""

from __future__ import annotations

from bench import procfs
from bench.client import tasks, web
from bench.data import Uids, kind_named
from bench.peers import Peer
from bench.rows.base import Bench, Measured, NotMeasured, Row
from bench.rows.retrieve import STUDY_SIZE, stored_study

__all__ = ["ROWS"]

_PEERS = ("ours", "orthanc")
_ROOT = "/dicom-web"
_DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_JSON = "application/dicom+json"
_SEARCHES = 100
_SERIES_SIZE = 1000
_READERS = 10
_ROOM = 1 << 18  # bytes that a slow reader takes at once
_GIGABYTES = 2


class _Web(Row):
    """Rows of both servers."""

    peers = _PEERS
    quick_patience = 10.0

    def fetch(self, bench: Bench, peer: Peer, paths: list[str], accept: str) -> tasks.Sample:
        """GET ``paths`` of a peer."""
        if not peer.http_port:
            raise NotMeasured("it does not answer HTTP")
        return bench.client.run(web.fetch, peer.http_port, paths, accept)


class WadoStudy(_Web):
    """A study of 500 CT images as it is stored, in MB/s."""

    name = "wado-study"
    title = f"WADO-RS study {STUDY_SIZE} × 0.5 MB CT, as stored"
    unit = "MB/s"
    higher_is_better = True

    def prepare(self, bench: Bench, peer: Peer) -> None:
        """The study has to be there."""
        stored_study(bench, peer)

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """From the request to the last byte; all pixels have to be in it."""
        study = stored_study(bench, peer)
        sample = self.fetch(bench, peer, [f"{_ROOT}/studies/{study}"], _DICOM)
        size = sample.figures["bytes"]
        if size < STUDY_SIZE * kind_named("ct").pixel_bytes:
            raise ValueError(f"{size} bytes are no {STUDY_SIZE} images")
        return Measured(size / 1e6 / sample.seconds, sample.client_cpu / sample.seconds)


class Searches(_Web):
    """Searches on one connection, one after the other.

    So each server has one request at a time, and more processes or threads of it would have nothing
    to do: what is compared is how long one takes.
    """

    unit = "/s"
    higher_is_better = True

    def __init__(self, name: str, title: str, path: str) -> None:
        self.name, self.title, self._path = f"qido-{name}", f"QIDO-RS {title}", path

    def prepare(self, bench: Bench, peer: Peer) -> None:
        """The study has to be there."""
        stored_study(bench, peer)

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """So many a second; each has to find something."""
        path = _ROOT + self._path.format(study=stored_study(bench, peer))
        if not peer.http_port:
            raise NotMeasured("it does not answer HTTP")
        sample = bench.client.run(web.ask, peer.http_port, path, _JSON, _SEARCHES)
        if sample.figures["bytes"] < 100 * _SEARCHES:
            raise ValueError("a search found nothing")
        return Measured.rate(sample)


class SeriesMetadata(_Web):
    """Metadata of a series of 1,000 instances that nobody has asked for before, or again.

    Asked for the first time means the same for both: the series came in by C-STORE a moment ago,
    and no request has named it yet. Orthanc's files are then in the page cache; our storage writes
    past it, so ours come from the disk. Neither is started anew, and whatever it keeps in memory
    from storing it may use. Both answer with all attributes, which is the default of Orthanc's
    plugin too (``SeriesMetadata``: ``Full``).
    """

    unit = "ms"

    def __init__(self, *, warm: bool) -> None:
        self._warm = warm
        self.name = f"metadata-{'warm' if warm else 'cold'}"
        asked = "asked for again" if warm else "asked for the first time"
        self.title = f"WADO-RS metadata of {_SERIES_SIZE} instances, {asked}"

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """A new series for each sample: what is asked for the first time is asked for once."""
        run = bench.unique("metadata")
        job = tasks.Store("mr", _SERIES_SIZE, 1, run, series_of=_SERIES_SIZE)
        bench.client.run(tasks.store, peer.address, job)
        uids = Uids(run)
        path = f"{_ROOT}/studies/{uids[0]}/series/{uids[900_000]}/metadata"
        for _ in range(2 if self._warm else 1):
            sample = self.fetch(bench, peer, [path], _JSON)
        if sample.figures["bytes"] < 500 * _SERIES_SIZE:
            raise ValueError(f"{sample.figures['bytes']} bytes are no metadata of a series")
        return Measured(sample.seconds * 1e3, sample.client_cpu / sample.seconds)


class StowStudy(_Web):
    """New instances of one study in one request."""

    unit = "/s"
    higher_is_better = True

    def __init__(self, kind: str, count: int) -> None:
        self._kind, self._count = kind, count
        self.name = f"stow-{kind}"
        self.title = f"STOW-RS {count} × {kind_named(kind).title} in one request"

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """From the request to its answer, which has to tell all of them as stored."""
        if not peer.http_port:
            raise NotMeasured("it does not answer HTTP")
        run = bench.unique(self.name)
        sample = bench.client.run(web.store, peer.http_port, self._kind, self._count, run)
        return Measured.rate(sample)


class SlowReaders(_Web):
    """Peak memory over what it was before, while slow readers take a study of 2 GB."""

    name = "growth-web"
    title = f"growth while {_READERS} slow readers take {_GIGABYTES} GB each (WADO-RS)"
    unit = "MB"
    repeats = quick_repeats = 1
    not_in_quick = ("orthanc",)  # the bar is a figure of ours alone
    patience = 300.0

    def prepare(self, bench: Bench, peer: Peer) -> None:
        """The study has to be there."""
        if "gigabytes" not in peer.state:
            run = bench.unique("gigabytes")
            job = tasks.Store("gigabyte", _GIGABYTES, 1, run)
            bench.client.run(tasks.store, peer.address, job)
            peer.state["gigabytes"] = Uids(run)[0]

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """From the first request to the last byte of the last reader."""
        if not peer.http_port:
            raise NotMeasured("it does not answer HTTP")
        path = f"{_ROOT}/studies/{peer.state['gigabytes']}"
        before = procfs.reset_peak(peer.pid)
        sample = bench.client.run(web.fetch_slowly, peer.http_port, path, _DICOM, _READERS, _ROOM)
        if sample.figures["bytes"] < _READERS * _GIGABYTES * kind_named("gigabyte").pixel_bytes:
            raise ValueError(f"{sample.figures['bytes']} bytes are not all of the study for all")
        return Measured(max(1.0, procfs.peak_growth(before) / 1e6))


ROWS: list[Row] = [
    WadoStudy(),
    Searches("study", "of a study by UID", "/studies?StudyInstanceUID={study}"),
    Searches("series", "of the series of a study", "/studies/{study}/series"),
    SeriesMetadata(warm=False),
    SeriesMetadata(warm=True),
    SlowReaders(),
    StowStudy("mr", 500),
    StowStudy("ct", 100),
]
