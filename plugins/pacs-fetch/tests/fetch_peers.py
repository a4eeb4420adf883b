"""Another archive and a worklist of pynetdicom, honest or not, and our archives that ask them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    ModalityWorklistInformationFind,
    MRImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

import pacs_jobs.plugin
import pacs_store.plugin
import pacs_worklist.plugin
from pacs_fetch import plugin
from pacs_framework.jobs import JobFilter
from pacs_framework.testing.instances import make_instance
from pacs_worklist.api import Worklist

if TYPE_CHECKING:
    from pacs_framework.jobs import Job
    from pacs_framework.testing.factories import Archives
    from pacs_framework.testing.running import RunningArchive

PLUGINS = {
    "store": pacs_store.plugin,
    "jobs": pacs_jobs.plugin,
    "worklist": pacs_worklist.plugin,
    "fetch": plugin,
}
PATIENCE = 60.0
QUICK = {"retry_first": 0.1, "retry_longest": 0.2}
LEVELS = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}
DAY = "20991123"

_CONFIG = """
[network]
workers = {workers}
[peers.old]
aet = "OLD"
host = "127.0.0.1"
port = {port}
[[plugin.fetch.source]]
name = "old"
peer = "OLD"
retrieve = "{retrieve}"
attempts = {attempts}
retry_first = 0.2
retry_longest = 0.5
[plugin.fetch.priors]
sources = "old"
max_age_days = 36500
"""


def config_of(
    port: int, *, retrieve: str = "get", workers: int = 1, attempts: int = 5, more: str = ""
) -> str:
    """The configuration of an archive in a process of its own; ``more`` goes on with priors."""
    values = {"port": port, "retrieve": retrieve, "workers": workers, "attempts": attempts}
    return _CONFIG.format(**values) + more


def until(true: Callable[[], bool], told: Callable[[], object] = lambda: None) -> None:
    """Wait for what another thread or process does; nothing tells the test, so it looks again."""
    for _ in range(int(PATIENCE / 0.02)):
        if true():
            return
        threading.Event().wait(0.02)
    raise AssertionError(f"it did not happen in time: {told()}")


def study(uid: str, number: int = 2, **attributes: object) -> list[Dataset]:
    """The instances of a study of P1, a CT of the chest unless told otherwise."""
    facts = {
        "PatientID": "P1",
        "PatientBirthDate": "19700101",
        "StudyDate": "20260301",
        "StudyDescription": "CT THORAX",
        "Modality": "CT",
    }
    return [
        make_instance(
            StudyInstanceUID=uid,
            SOPInstanceUID=f"{uid}.1.{each}",
            **{"SeriesInstanceUID": f"{uid}.1", **facts, **attributes},
        )
        for each in range(1, number + 1)
    ]


class OtherPacs:
    """An archive in pynetdicom, which keeps what it ``has`` in memory.

    ``lie`` may change an answer to C-FIND, or make several of it. ``send`` says which instances it
    sends for a study, ``before_each`` is called before each of them. ``limit`` ends a query after
    so many answers, with ``limit_status``.
    """

    def __init__(self) -> None:
        self.has: list[Dataset] = []
        self.worklist: list[Dataset] = []
        self.asked: list[tuple[str, Dataset]] = []
        self.moved: list[str] = []
        self.lie: Callable[[str, Dataset], list[Dataset]] = lambda _level, answer: [answer]
        self.send: Callable[[list[Dataset]], list[Dataset]] = lambda instances: instances
        self.before_each: Callable[[], object] = lambda: None
        self.cancelled = 0
        self.limit = 0
        self.limit_status = 0xA700
        self.destination = ("127.0.0.1", 0)
        self._server: Any = None
        self.port = 0

    def __enter__(self) -> Self:
        self.come(0)
        return self

    def __exit__(self, *exc: object) -> None:
        self.go()

    def come(self, port: int | None = None) -> None:
        """Listen; again on the same port after `go`."""
        ae = AE(ae_title="OLD")
        for model in (
            StudyRootQueryRetrieveInformationModelFind,
            StudyRootQueryRetrieveInformationModelMove,
            StudyRootQueryRetrieveInformationModelGet,
            ModalityWorklistInformationFind,
        ):
            ae.add_supported_context(model)
        for storage in (CTImageStorage, MRImageStorage):
            ae.add_supported_context(storage, scu_role=True, scp_role=True)
            ae.add_requested_context(storage)
        handlers = [
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_C_MOVE, self._move),
            (evt.EVT_C_GET, self._get),
        ]
        address = ("127.0.0.1", self.port if port is None else port)
        self._server = ae.start_server(address, block=False, evt_handlers=handlers)
        self.port = self._server.server_address[1]

    def go(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None
            for thread in threading.enumerate():
                if thread.name.startswith("AcceptorThread"):
                    thread.join(PATIENCE)

    @property
    def peer(self) -> dict[str, Any]:
        """How an archive knows it."""
        return {"aet": "OLD", "host": "127.0.0.1", "port": self.port}

    # --- C-FIND -----------------------------------------------------------------------------------

    def _find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        keys = event.identifier
        if "ScheduledProcedureStepSequence" in keys:
            self.asked.append(("WORKLIST", keys))
            for step in self.worklist:
                yield 0xFF00, step
            return
        level = keys.QueryRetrieveLevel
        self.asked.append((level, keys))
        found: dict[str, list[Dataset]] = {}
        for instance in self.has:
            if _matches(keys, instance):
                found.setdefault(str(instance[LEVELS[level]].value), []).append(instance)
        number = 0
        for each in found.values():
            for answer in self.lie(level, _answer(keys, each)):
                if self.limit and number == self.limit:
                    yield self.limit_status, None
                    return
                number += 1
                yield 0xFF00, answer

    # --- retrieval --------------------------------------------------------------------------------

    def _wanted(self, event: Any) -> list[Dataset]:
        uid, series = event.identifier.StudyInstanceUID, event.identifier.get("SeriesInstanceUID")
        self.moved.append(series or uid)
        wanted = [each for each in self.has if each.StudyInstanceUID == uid]
        return self.send([each for each in wanted if series in (None, each.SeriesInstanceUID)])

    def _move(self, event: Any) -> Iterator[Any]:
        yield self.destination
        yield from self._sent(event)

    def _get(self, event: Any) -> Iterator[Any]:
        yield from self._sent(event)

    def _sent(self, event: Any) -> Iterator[Any]:
        wanted = self._wanted(event)
        yield len(wanted)
        for each in wanted:
            self.before_each()
            if event.is_cancelled:
                self.cancelled += 1
                yield 0xFE00, None
                return
            yield 0xFF00, each


def _matches(keys: Dataset, instance: Dataset) -> bool:
    for keyword in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID"):
        wanted = keys.get(keyword)
        if wanted and wanted != instance.get(keyword):
            return False
    first, _, last = str(keys.get("StudyDate") or "").partition("-")
    return not first or first <= str(instance.StudyDate) <= (last or first)


def _answer(keys: Dataset, instances: list[Dataset]) -> Dataset:
    """What is asked for, of the first one, and how many there are."""
    answer = Dataset()
    for element in keys:
        value = instances[0].get(element.keyword)
        setattr(answer, element.keyword, element.value if value is None else value)
    if "ModalitiesInStudy" in keys:
        answer.ModalitiesInStudy = sorted({each.Modality for each in instances})
    for keyword in ("NumberOfStudyRelatedInstances", "NumberOfSeriesRelatedInstances"):
        if keyword in keys:
            setattr(answer, keyword, len(instances))
    answer.QueryRetrieveLevel = keys.QueryRetrieveLevel
    return answer


# --- our side -------------------------------------------------------------------------------------


def fetching(
    archives: Archives,
    other: OtherPacs,
    *,
    source: Mapping[str, Any] | None = None,
    priors: Mapping[str, Any] | None = None,
    pull: list[Mapping[str, Any]] | None = None,
    more_sources: Sequence[Mapping[str, Any]] = (),
    plugins: Mapping[str, object] = PLUGINS,
    settings: Mapping[str, Any] | None = None,
    **more: Any,
) -> RunningArchive:
    """An archive that fetches from ``other``, by C-GET; its schedule is far from now."""
    section: dict[str, Any] = {
        "source": [
            {"name": "old", "peer": "OLD", "retrieve": "get", **QUICK, **(source or {})},
            *more_sources,
        ],
        "pull": pull or [],
    }
    if priors is not None:
        section["priors"] = {"sources": "old", "max_age_days": 36500, **priors}
    tree = {**(settings or {}), "peers": {"old": other.peer}, "plugin": {"fetch": section}}
    running = archives(plugins, settings=tree, **more)
    other.destination = (running.host, running.port)
    return running


def plan_step(running: RunningArchive, **attributes: str) -> None:
    """A CT of the chest of P1 on `DAY`, unless told otherwise."""
    step, item = Dataset(), Dataset()
    step.ScheduledStationAETitle = "CT1"
    step.ScheduledProcedureStepStartDate = DAY
    step.ScheduledProcedureStepStartTime = "0900"
    step.Modality = "CT"
    step.ScheduledProcedureStepID = "S1"
    item.PatientName = "Doe^Jane"
    item.PatientID = "P1"
    item.PatientBirthDate = "19700101"
    item.StudyInstanceUID = "2.25.1000"
    item.RequestedProcedureDescription = "CT Thorax"
    for keyword, text in attributes.items():
        target = step if keyword.startswith("Scheduled") or keyword == "Modality" else item
        setattr(target, keyword, text)
    item.ScheduledProcedureStepSequence = [step]
    Worklist(running.archive.tables("worklist")).put(item)


def jobs_of(running: RunningArchive, kind: str = "fetch.study.old") -> list[Job]:
    """Jobs of a kind, the newest first."""
    return list(running.archive.jobs.find(JobFilter(kinds=[kind]), most=1000))


def settled(running: RunningArchive, kind: str = "fetch.study.old") -> list[Job]:
    """The jobs of a kind when all are over."""
    until(
        lambda: all(job.state.is_over for job in jobs_of(running, kind)), lambda: jobs_of(running)
    )
    return jobs_of(running, kind)
