"""Series and studies that are complete by their number, or because the modality says so."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import ModalityPerformedProcedureStep
from routing_nodes import PATIENCE, Node, jobs_of, routing, settled, until

import pacs_mpps.plugin
import pacs_store.plugin
from pacs_framework.errors import ConfigurationError
from pacs_framework.jobs import JobFilter, JobState
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.testing.running import RunningArchive
from pacs_routing.completeness import checked_count, checked_ways
from pacs_routing.gathering import Gathering
from pacs_routing.performed import is_performed, step_changed, study_completed
from pacs_routing.settings import RoutingSettings
from pacs_routing.terms import COMPLETE

MPPS = {"mpps": pacs_mpps.plugin}
BY_STEPS = {"complete": "study", "complete_by": "mpps", "forced": 0}

Start = Callable[..., RunningArchive]


@pytest.fixture
def start(pacs_archive: Archives, pacs_index_url: str, node: Node) -> Start:
    """An archive that waits for steps, once on each database."""

    def run(**more: object) -> RunningArchive:
        plugins = {**MPPS, "store": pacs_store.plugin}
        settings = {"index": {"url": pacs_index_url}}
        return routing(
            pacs_archive, node, rule=BY_STEPS, plugins=plugins, settings=settings, **more
        )

    return run


class Modality:
    """A modality by pynetdicom."""

    def __init__(self, archive: RunningArchive | ServedArchive) -> None:
        ae = AE("CT1")
        ae.add_requested_context(ModalityPerformedProcedureStep, ExplicitVRLittleEndian)
        self.association = ae.associate(archive.host, archive.port, ae_title=archive.aet)
        assert self.association.is_established

    def begin(self, study: str) -> str:
        """N-CREATE; the UID of the step."""
        scheduled, step = Dataset(), Dataset()
        scheduled.StudyInstanceUID = study
        step.ScheduledStepAttributesSequence = [scheduled]
        step.PerformedProcedureStepID = "P1"
        step.PerformedStationAETitle = "CT1"
        step.PerformedProcedureStepStartDate = "20261122"
        step.PerformedProcedureStepStartTime = "103000"
        step.PerformedProcedureStepStatus = "IN PROGRESS"
        step.Modality = "CT"
        uid = str(generate_uid())
        status, _ = self.association.send_n_create(step, ModalityPerformedProcedureStep, uid)
        assert status.Status == 0
        return uid

    def end(self, uid: str, *made: Dataset, status: str = "COMPLETED") -> None:
        """N-SET."""
        step, series = Dataset(), Dataset()
        series.ProtocolName = "THORAX"
        series.SeriesInstanceUID = str(generate_uid())
        series.ReferencedImageSequence = []
        for each in made:
            reference = Dataset()
            reference.ReferencedSOPClassUID = CTImageStorage
            reference.ReferencedSOPInstanceUID = each.SOPInstanceUID
            series.ReferencedImageSequence.append(reference)
        step.PerformedProcedureStepStatus = status
        step.PerformedProcedureStepEndDate = "20261122"
        step.PerformedProcedureStepEndTime = "104500"
        step.PerformedSeriesSequence = [series]
        answer, _ = self.association.send_n_set(step, ModalityPerformedProcedureStep, uid)
        assert answer.Status == 0


@contextmanager
def modality(running: RunningArchive | ServedArchive) -> Iterator[Modality]:
    """Its association."""
    made = Modality(running)
    try:
        yield made
    finally:
        made.association.release()


def of_study(number: int, study: str) -> list[Dataset]:
    return [make_instance(StudyInstanceUID=study) for _ in range(number)]


def waits(running: RunningArchive, number: int) -> None:
    """Wait until so many are held."""
    until(lambda: len(jobs_of(running, JobState.HELD)) == number, lambda: jobs_of(running))


def noted_looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many jobs were held each time that somebody had looked whether a study is complete."""
    looked: list[int] = []
    let_go = Gathering.let_go

    def noting(self: Gathering) -> None:
        let_go(self)
        jobs = self._archive.jobs
        looked.append(len(jobs.find(JobFilter(states=[JobState.HELD]), most=10)))

    monkeypatch.setattr(Gathering, "let_go", noting)
    return looked


# --- by number ------------------------------------------------------------------------------------


def test_a_study_of_so_many_instances_is_complete(
    pacs_archive: Archives, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing goes before the last one; what comes later goes at once."""
    looked = noted_looks(monkeypatch)
    rule = {"complete": "study", "complete_by": "count", "count": 3, "forced": 0}
    running = routing(pacs_archive, node, rule=rule)
    study = str(generate_uid())
    made = of_study(4, study)
    running.take_in(*made[:2])
    running.take_in(make_instance())
    # Who still looks at those two would find the third one stored, and let them go ahead of it.
    until(lambda: looked[-1:] == [3], lambda: jobs_of(running))
    assert node.arrived == []
    running.take_in(made[2])
    until(lambda: len(node.arrived) == 3)
    assert len(node.associations) == 1
    assert set(node.arrived) == {each.SOPInstanceUID for each in made[:3]}
    running.take_in(made[3])
    until(lambda: len(node.arrived) == 4)
    waits(running, 1)


@pytest.mark.parametrize(
    ("complete", "keyword"),
    [
        ("study", "NumberOfStudyRelatedInstances"),
        ("series", "NumberOfSeriesRelatedInstances"),
        ("series", "ImagesInAcquisition"),
    ],
)
def test_instances_may_say_how_many_there_are(
    pacs_archive: Archives, node: Node, complete: str, keyword: str
) -> None:
    """It is enough that the last one does; another series counts for the study alone."""
    rule = {"complete": complete, "complete_by": ["count"], "count": keyword}
    running = routing(pacs_archive, node, rule=rule)
    study, series = str(generate_uid()), str(generate_uid())
    made = [
        make_instance(StudyInstanceUID=study, SeriesInstanceUID=series, **{keyword: 3}),
        make_instance(StudyInstanceUID=study, SeriesInstanceUID=series),
        make_instance(StudyInstanceUID=study, SeriesInstanceUID=series, **{keyword: 3}),
    ]
    other = make_instance(StudyInstanceUID=study)
    running.take_in(made[0], made[1])
    if complete == "series":
        running.take_in(other)
    waits(running, 2 + (complete == "series"))
    assert node.arrived == []
    running.take_in(made[2])
    until(lambda: len(node.arrived) == 3)
    assert other.SOPInstanceUID not in node.arrived


def test_the_forced_time_is_the_end_of_waiting(pacs_archive: Archives, node: Node) -> None:
    """Also where the number never comes; being quiet is no reason there."""
    rule = {"complete": "study", "complete_by": "count", "count": 9, "quiet": 0.1, "forced": 3600}
    running = routing(pacs_archive, node, rule=rule)
    running.take_in(make_instance())
    waits(running, 1)
    (timer,) = running.archive.jobs.find(JobFilter(kinds=[COMPLETE]))
    assert timer.due is not None
    assert (timer.due - timer.created).total_seconds() == pytest.approx(3600, abs=60)
    again = routing(pacs_archive, node, rule={**rule, "forced": 0.5})
    again.take_in(make_instance())
    settled(again, 1)


def test_whichever_comes_first(pacs_archive: Archives, node: Node) -> None:
    """Quiet, where the number does not come."""
    rule = {"complete": "study", "complete_by": ["count", "quiet"], "count": 9, "quiet": 0.3}
    running = routing(pacs_archive, node, rule=rule)
    running.take_in(make_instance())
    settled(running, 1)


# --- by performed procedure steps -----------------------------------------------------------------


def test_a_study_is_complete_when_the_modality_says_so(start: Start, node: Node) -> None:
    """All that the step lists has come first."""
    running = start()
    study = str(generate_uid())
    made = of_study(3, study)
    with modality(running) as ct:
        uid = ct.begin(study)
        running.take_in(*made)
        waits(running, 3)
        assert node.arrived == []
        ct.end(uid, *made)
    until(lambda: len(node.arrived) == 3)
    assert len(node.associations) == 1


def test_a_step_may_end_before_its_instances_are_there(start: Start, node: Node) -> None:
    """The last instance completes the study; a late one goes at once, another study waits."""
    running = start()
    study = str(generate_uid())
    made = of_study(3, study)
    with modality(running) as ct:
        ct.end(ct.begin(study), *made)
    running.take_in(*made[:2], make_instance())
    waits(running, 3)
    assert node.arrived == []
    running.take_in(made[2])
    until(lambda: len(node.arrived) == 3)
    late = make_instance(StudyInstanceUID=study)
    running.take_in(late)
    until(lambda: len(node.arrived) == 4)
    waits(running, 1)


def test_a_step_that_begins_later_has_the_study_wait_again(start: Start, node: Node) -> None:
    """Until that one is over, too, be it discontinued."""
    running = start()
    study = str(generate_uid())
    first, second, third = of_study(3, study)
    with modality(running) as ct:
        running.take_in(first)
        ct.end(ct.begin(study), first)
        until(lambda: len(node.arrived) == 1)
        for status, made in (("COMPLETED", second), ("DISCONTINUED", third)):
            uid = ct.begin(study)
            until(lambda: not is_performed(running.archive, study))
            running.take_in(made)
            waits(running, 1)
            assert made.SOPInstanceUID not in node.arrived
            ct.end(uid, made, status=status)
            waits(running, 0)
            settled(running)
            assert made.SOPInstanceUID in node.arrived


def test_what_waits_for_a_step_waits_on_after_a_restart(start: Start, node: Node) -> None:
    """The step ends with the next process."""
    storage = MemoryStorage()
    first = start(storage=storage)
    study = str(generate_uid())
    (made,) = of_study(1, study)
    with modality(first) as ct:
        uid = ct.begin(study)
    first.take_in(made)
    waits(first, 1)
    data = first.data
    first.stop()
    second = start(storage=storage, folder=data)
    waits(second, 1)
    assert node.arrived == []
    with modality(second) as ct:
        ct.end(uid, made)
    until(lambda: node.arrived == [made.SOPInstanceUID])


@pytest.mark.skipif(shutil.which("storescu") is None, reason="DCMTK's storescu is not installed")
def test_a_scanner_that_sends_with_storescu(start: Start, node: Node, tmp_path: Path) -> None:
    """Instances over the wire, while the step is told beside them."""
    running = start()
    study = str(generate_uid())
    made = of_study(3, study)
    for number, each in enumerate(made):
        each.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
    with modality(running) as ct:
        uid = ct.begin(study)
        where = ["-aec", running.aet, running.host, str(running.port)]
        subprocess.run(
            ["storescu", *where, *map(str, sorted(tmp_path.glob("*.dcm")))],
            check=True,
            timeout=PATIENCE,
        )
        waits(running, 3)
        assert node.arrived == []
        ct.end(uid, *made)
    until(lambda: len(node.arrived) == 3)


CONFIG = """[peers.node]
aet = "NODE"
host = "127.0.0.1"
port = {port}
[[plugin.routing.destination]]
name = "node"
peer = "NODE"
[[plugin.routing.rule]]
name = "whole"
send_to = "node"
complete = "study"
complete_by = "mpps"
forced = 0
"""


def counts_of(archive: ServedArchive) -> dict[str, int]:
    """Jobs of the destination by their state, as a command tells them."""
    kind = ("--kind", "routing.send.node")
    done = archive.run("jobs", "list", "--config", archive.config, *kind, "--json")
    assert done.returncode == 0, done.stderr
    return dict(Counter(each["state"] for each in json.loads(done.stdout)))


def test_a_kill_while_a_study_waits_loses_nothing_and_doubles_nothing(
    tmp_path: Path, node: Node
) -> None:
    """kill -9 with instances held; those of the next process join them, and the step ends then."""
    study = str(generate_uid())
    made = of_study(3, study)
    files = [tmp_path / f"{number}.dcm" for number in range(3)]
    for file, each in zip(files, made, strict=True):
        each.save_as(file, enforce_file_format=True)
    config = CONFIG.format(port=node.peer["port"])
    with served(tmp_path / "archive", config=config) as archive:
        with modality(archive) as ct:
            uid = ct.begin(study)
        assert archive.command("import", *files[:2]).returncode == 0
        until(lambda: counts_of(archive) == {"held": 2}, archive.log_text)
        archive.cut_power()
    with served(tmp_path / "archive", config=config) as archive:
        assert archive.command("import", files[2]).returncode == 0
        until(lambda: counts_of(archive) == {"held": 3}, archive.log_text)
        assert node.arrived == []
        with modality(archive) as ct:
            ct.end(uid, *made)
        until(lambda: counts_of(archive) == {"done": 3}, archive.log_text)
    assert sorted(node.arrived) == sorted(each.SOPInstanceUID for each in made)


def test_news_of_steps_may_come_twice_and_late(start: Start) -> None:
    """They are told at least once, those of a study and those of its steps side by side."""
    running = start()
    settings = RoutingSettings(destination=({"name": "node", "peer": "NODE"},), rule=())
    study, uid = str(generate_uid()), str(generate_uid())

    def told(status: str) -> None:
        scheduled = SimpleNamespace(study_instance_uid=study)
        step = SimpleNamespace(sop_instance_uid=uid, status=status, scheduled=(scheduled,))
        step_changed(step, running.archive, settings)

    assert not is_performed(running.archive, study)
    steps = (SimpleNamespace(sop_instance_uid=uid),)
    completed = SimpleNamespace(study_instance_uid=study, steps=steps)
    for _ in range(2):
        study_completed(completed, running.archive, settings)
        told("IN PROGRESS")
        told("COMPLETED")
        assert is_performed(running.archive, study)


# --- settings -------------------------------------------------------------------------------------


def test_somebody_has_to_take_steps(pacs_archive: Archives, node: Node) -> None:
    """Else the study would wait for ever: the start says so."""
    with pytest.raises(ConfigurationError, match=r"rule 'all' waits for .* such as pacs-mpps"):
        routing(pacs_archive, node, rule=BY_STEPS)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"complete": "series", "complete_by": "mpps"}, 'say complete = "study"'),
        ({"complete": "study", "complete_by": "count"}, "belong together"),
        ({"complete": "study", "count": 5}, "belong together"),
        ({"complete_by": "count", "count": 5}, "instances of a series or a study are counted"),
        (
            {"complete": "study", "complete_by": "count", "count": "ImagesInAcquisition"},
            'is about a series: say complete = "series"',
        ),
        ({"complete": "study", "complete_by": "tea"}, "'tea' makes nothing complete: say one"),
        ({"complete": "study", "complete_by": []}, "nothing makes nothing complete"),
        ({"complete": "study", "complete_by": "count", "count": "Rows"}, "tells no number of"),
        ({"complete": "study", "complete_by": "count", "count": -1}, "is not less than 0"),
        ({"complete": "study", "quiet": 60, "forced": 5}, "forced is less than quiet"),
    ],
)
def test_what_would_not_be_looked_at_is_refused(rule: dict[str, object], message: str) -> None:
    """At the start."""
    with pytest.raises(ValueError, match=message):
        RoutingSettings(
            destination=({"name": "node", "peer": "NODE"},),
            rule=({"name": "all", "send_to": "node", **rule},),
        )


def test_numbers_come_as_text_from_the_environment() -> None:
    """And ways as they are."""
    assert checked_count("12") == 12
    assert checked_ways(("quiet", "mpps")) == ("quiet", "mpps")
