"""What rules send arrives: once, together, when it is to, and as it is to be."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, JPEGLosslessSV1, RLELossless, generate_uid
from routing_nodes import PATIENCE, QUICK, Node, jobs_of, routing, settled, until

import pacs_codecs_imagecodecs.plugin
import pacs_codecs_pylibjpeg.plugin
from pacs_framework import hookimpl
from pacs_framework.archive.deletions import Target
from pacs_framework.archive.incoming import Refusal
from pacs_framework.dicom.status import Status
from pacs_framework.jobs import Job, JobFilter, JobOrder, JobRefused, JobState
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import encoded_instance, make_instance
from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_framework.testing.running import RunningArchive
from pacs_routing.arrivals import order_by_hand
from pacs_routing.settings import Priority
from pacs_routing.terms import COMPLETE


def timers_of(running: RunningArchive) -> list[Job]:
    """Of series and studies that wait until they are complete."""
    return list(running.archive.jobs.find(JobFilter(kinds=[COMPLETE], states=[JobState.WAITING])))


def test_what_a_rule_is_true_of_arrives_as_it_is_stored(pacs_archive: Archives, node: Node) -> None:
    """And nothing else; each once, with the priority of the rule."""
    rule = {"when": 'Modality = "CT" and CallingAET = "CT1"', "priority": "high"}
    running = routing(pacs_archive, node, rule=rule)
    sent, other, stranger = make_instance(), make_instance(Modality="MR"), make_instance()
    running.take_in(sent, other, calling_aet="CT1")
    running.take_in(stranger, calling_aet="CT2")
    until(lambda: len(node.instances) == 1)
    settled(running)
    syntax, data = node.instances[str(sent.SOPInstanceUID)]
    assert (syntax, data) == (str(ExplicitVRLittleEndian), encoded_instance(sent))
    assert node.arrived == [sent.SOPInstanceUID]
    assert node.commands_seen[0]["Priority"] == 1
    (job,) = jobs_of(running)
    assert (job.state, job.result) == (JobState.DONE, {"bytes": len(data)})


def test_a_study_that_waits_together_goes_in_one_association(
    pacs_archive: Archives, node: Node
) -> None:
    """It waits until nothing more comes; what comes then waits anew."""
    rule = {"complete": "study", "quiet": 0.4, "forced": 0}
    running = routing(pacs_archive, node, rule=rule)
    study = str(generate_uid())
    made = [make_instance(StudyInstanceUID=study) for _ in range(5)]
    running.take_in(*made)
    until(lambda: len(node.instances) == 5)
    assert len(node.associations) == 1
    settled(running)
    running.take_in(make_instance(StudyInstanceUID=study))
    until(lambda: len(node.instances) == 6)
    settled(running)
    assert len(node.arrived) == 6


def test_what_is_urgent_waits_for_a_turn_and_not_for_a_study(
    pacs_archive: Archives, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run whose time is over leaves the rest for the next one, and no attempt is counted."""
    monkeypatch.setattr("pacs_routing.sending._TURN", 0.0)
    going_on = threading.Event()

    def answer(_request: object) -> int:
        going_on.wait(PATIENCE)
        return Status.SUCCESS

    node.answer = answer
    running = routing(pacs_archive, node, rules=[])
    study, urgent = str(generate_uid()), make_instance()
    made = [make_instance(StudyInstanceUID=study) for _ in range(3)]
    running.take_in(*made, urgent)
    jobs = running.archive.jobs
    uids = [str(each.SOPInstanceUID) for each in made]
    jobs.enqueue([order_by_hand("node", study, uid, Priority.LOW) for uid in uids])
    until(lambda: len(node.arrived) == 1)
    ids = str(urgent.StudyInstanceUID), str(urgent.SOPInstanceUID)
    jobs.enqueue([order_by_hand("node", *ids, Priority.HIGH)])
    going_on.set()
    settled(running, 4)
    assert node.arrived == [uids[0], urgent.SOPInstanceUID, *uids[1:]]
    assert len(node.associations) == 4
    assert {job.attempts for job in jobs_of(running)} == {0}


def test_a_study_that_never_rests_is_sent_all_the_same(pacs_archive: Archives, node: Node) -> None:
    """After the forced time, counted from the first instance: an hour of rest never comes."""
    rule = {"complete": "study", "quiet": 3600, "forced": 3600}
    running = routing(pacs_archive, node, rule=rule)
    study = str(generate_uid())
    running.take_in(make_instance(StudyInstanceUID=study))
    until(lambda: bool(timers_of(running)))
    (first,) = timers_of(running)
    running.take_in(make_instance(StudyInstanceUID=study))
    until(lambda: len(jobs_of(running, JobState.HELD)) == 2)
    (second,) = timers_of(running)
    assert second.id == first.id
    assert second.due is not None
    assert second.due <= first.created + dt.timedelta(seconds=3600)
    rule["forced"], rule["quiet"] = 0.3, 0.3
    again = routing(pacs_archive, node, rule=rule)
    again.take_in(make_instance())
    until(lambda: len(node.instances) == 1)


def test_a_series_waits_for_itself_alone(pacs_archive: Archives, node: Node) -> None:
    """Another series of the study stays where it is until it is quiet, too."""
    rules = [
        {
            "name": "ct",
            "when": 'Modality = "CT"',
            "send_to": "node",
            "complete": "series",
            "quiet": 0.2,
        },
        {
            "name": "mr",
            "when": 'Modality = "MR"',
            "send_to": "node",
            "complete": "series",
            "quiet": 3600,
        },
    ]
    running = routing(pacs_archive, node, rules=rules)
    study = str(generate_uid())
    ct = make_instance(StudyInstanceUID=study)
    mr = make_instance(StudyInstanceUID=study, Modality="MR")
    running.take_in(ct, mr)
    until(lambda: len(node.instances) == 1)
    assert node.arrived == [ct.SOPInstanceUID]
    assert [job.payload["rule"] for job in jobs_of(running, JobState.HELD)] == ["mr"]


def test_the_last_rule_ends_the_asking_and_several_may_fire(pacs_archive: Archives) -> None:
    """All rules that are true, up to one that is the last."""
    with Node("ONE") as one, Node("TWO") as two, Node("THREE") as three:
        rules = [
            {"name": "a", "send_to": "one"},
            {"name": "b", "when": 'Modality = "CT"', "send_to": ["one", "two"], "last": True},
            {"name": "c", "send_to": "three"},
        ]
        running = routing(pacs_archive, one, two, three, rules=rules)
        ct, mr = make_instance(), make_instance(Modality="MR")
        running.take_in(ct, mr)
        until(lambda: len(one.instances) == 2 and two.instances and three.instances)
        settled(running)
        assert sorted(one.arrived) == sorted([ct.SOPInstanceUID, mr.SOPInstanceUID])
        assert (two.arrived, three.arrived) == ([ct.SOPInstanceUID], [mr.SOPInstanceUID])


def test_a_rule_labels_the_studies_that_it_is_true_of(pacs_archive: Archives, node: Node) -> None:
    """At once, and once, also when it sends nothing."""
    rules = [
        {"name": "teach", "when": 'StudyDescription matches "*rare*"', "label": "teaching"},
        {"name": "all", "send_to": "node"},
    ]
    running = routing(pacs_archive, node, rules=rules)
    study = str(generate_uid())
    made = [make_instance(StudyInstanceUID=study, StudyDescription="a rare one") for _ in range(3)]
    running.take_in(*made, make_instance(StudyDescription="an old friend"))
    until(lambda: len(node.instances) == 4)
    until(lambda: bool(running.archive.marks.labels()))
    settled(running, 4)
    (label,) = running.archive.marks.labels()
    assert (label.subject.study, label.name) == (study, "teaching")
    assert label.by == "routing rule teach"


def test_nobody_gets_back_what_he_sent(pacs_archive: Archives, node: Node) -> None:
    """Two archives that send each other everything come to rest."""
    running = routing(pacs_archive, node)
    theirs, ours = make_instance(), make_instance()
    running.take_in(theirs, calling_aet="NODE")
    running.take_in(ours)
    until(lambda: bool(node.instances))
    settled(running)
    assert node.arrived == [ours.SOPInstanceUID]


def test_what_comes_again_is_sent_again_only_where_it_changed(
    pacs_archive: Archives, node: Node
) -> None:
    """By its SOP Instance UID and what it holds."""
    running = routing(pacs_archive, node, settings={"archive": {"duplicates": "replace"}})
    made = make_instance()
    running.take_in(made)
    until(lambda: len(node.arrived) == 1)
    running.take_in(made)
    made.SeriesDescription = "corrected"
    running.take_in(made)
    until(lambda: len(node.arrived) == 2)
    settled(running)
    assert node.arrived == [made.SOPInstanceUID] * 2
    assert node.instances[str(made.SOPInstanceUID)][1] == encoded_instance(made)


def test_what_was_deleted_before_it_was_sent_is_no_failure(
    pacs_archive: Archives, node: Node
) -> None:
    """There is nothing to send."""
    node.away = True
    running = routing(pacs_archive, node, destination={"retry_first": 3600, "retry_longest": 3600})
    made = make_instance()
    running.take_in(made)
    until(lambda: node.refused > 0 and bool(running.archive.jobs.pauses()))
    target = Target(study=str(made.StudyInstanceUID))
    running.archive.deleting.delete(target, by="test", reason="test")
    node.away = False
    kind = "routing.send.node"
    running.archive.jobs.retry(JobFilter(kinds=[kind]))  # as `pacs routing retry` does
    running.archive.jobs.resume(kind)
    until(lambda: bool(jobs_of(running, JobState.DONE)))
    assert jobs_of(running)[0].result == {"gone": True}
    assert node.arrived == []


def test_a_destination_that_is_away_delays_no_other_and_gets_everything(
    pacs_archive: Archives,
) -> None:
    """The destination is tried, not each instance; no attempt of an instance is counted."""
    seldom = {"retry_first": 3600, "retry_longest": 3600, "attempts": 1}
    with Node("AWAY") as away, Node("THERE") as there:
        away.away = True
        running = routing(pacs_archive, away, there, destination=seldom)
        made = [make_instance() for _ in range(10)]
        running.take_in(*made)
        until(lambda: len(there.instances) == 10 and len(running.archive.jobs.pauses()) == 1)
        until(lambda: len(jobs_of(running, JobState.DONE)) == 10)
        (pause,) = running.archive.jobs.pauses()
        waiting = jobs_of(running, JobState.WAITING)
        assert pause.kind == "routing.send.away"
        assert away.refused < len(made)
        assert (len(waiting), {job.attempts for job in waiting}) == (10, {0})
        away.away = False
        running.archive.jobs.retry(JobFilter(kinds=[pause.kind]))  # as `pacs routing retry` does
        running.archive.jobs.resume(pause.kind)
        settled(running, 20)
        assert sorted(away.arrived) == sorted(str(each.SOPInstanceUID) for each in made)


@pytest.mark.parametrize("status", [0xC123, 0xA900, Status.SOP_CLASS_NOT_SUPPORTED])
def test_what_is_refused_for_good_is_a_dead_letter_and_the_others_go_on(
    pacs_archive: Archives, node: Node, status: int
) -> None:
    """At once, with its reason; it is sent when a person says so."""
    study = str(generate_uid())
    made = [make_instance(StudyInstanceUID=study) for _ in range(3)]
    bad = str(made[1].SOPInstanceUID)
    node.answer = lambda request: (
        status if request.command["AffectedSOPInstanceUID"] == bad else Status.SUCCESS
    )
    running = routing(pacs_archive, node)
    running.take_in(*made)
    until(lambda: len(node.instances) == 2 and bool(jobs_of(running, JobState.FAILED)))
    (letter,) = jobs_of(running, JobState.FAILED)
    assert (letter.payload["instance"], node.arrived.count(bad)) == (bad, 1)
    assert f"{status:04X}H" in letter.error
    node.answer = lambda _request: Status.SUCCESS
    assert running.archive.jobs.retry(JobFilter(ids=[letter.id])) == 1
    until(lambda: bad in node.instances)


def test_what_is_refused_for_now_is_tried_again_as_often_as_is_said(
    pacs_archive: Archives, node: Node
) -> None:
    """A failure of this instance only."""
    made = make_instance()
    node.answer = lambda _request: Status.PROCESSING_FAILURE
    running = routing(pacs_archive, node, destination={"attempts": 3})
    running.take_in(made)
    until(lambda: bool(jobs_of(running, JobState.FAILED)))
    assert node.arrived == [made.SOPInstanceUID] * 3


def test_a_destination_without_room_is_away(pacs_archive: Archives, node: Node) -> None:
    """A7xxH is about the destination, not about an instance: nothing is given up."""
    made = make_instance()
    answers = [Status.OUT_OF_RESOURCES, 0xA701, Status.SUCCESS]
    node.answer = lambda _request: answers.pop(0)
    running = routing(pacs_archive, node, destination={"attempts": 1})
    running.take_in(made)
    until(lambda: bool(node.instances))
    settled(running)
    assert [job.attempts for job in jobs_of(running, JobState.DONE)] == [0]


def test_an_association_that_breaks_costs_one_attempt_of_one_instance(
    pacs_archive: Archives, node: Node
) -> None:
    """The others go on the next one; the one at fault is given up in the end."""
    study = str(generate_uid())
    made = [make_instance(StudyInstanceUID=study) for _ in range(4)]
    bad = str(made[1].SOPInstanceUID)

    def answer(request: Any) -> int:
        if request.command["AffectedSOPInstanceUID"] == bad:
            request.association.abort()
        return Status.SUCCESS

    node.answer = answer
    running = routing(pacs_archive, node, destination={"attempts": 2})
    running.take_in(*made)
    until(lambda: bool(jobs_of(running, JobState.FAILED)))
    until(lambda: len(set(node.instances) - {bad}) == 3)
    (letter,) = jobs_of(running, JobState.FAILED)
    assert letter.payload["instance"] == bad
    settled(running, 3)


def test_breaks_between_which_others_are_taken_are_of_those_instances(
    pacs_archive: Archives, node: Node
) -> None:
    """A node that takes others is there: it is not left alone for three bad ones in a study."""
    study = str(generate_uid())
    made = [make_instance(StudyInstanceUID=study) for _ in range(8)]
    bad = {str(each.SOPInstanceUID) for each in made[::2]}

    def answer(request: Any) -> int:
        if request.command["AffectedSOPInstanceUID"] in bad:
            request.association.abort()
        return Status.SUCCESS

    node.answer = answer
    running = routing(
        pacs_archive, node, destination={"attempts": 1, "retry_first": 900, "retry_longest": 900}
    )
    running.take_in(*made)
    until(lambda: len(jobs_of(running, JobState.FAILED)) == len(bad))
    settled(running, len(made) - len(bad))


class _Keeps:
    """A plugin that keeps one instance back from everybody."""

    def __init__(self) -> None:
        self.uid = ""
        self.recipients: list[Any] = []

    @hookimpl
    def on_retrieve(self, instance: Any) -> Refusal | None:
        """Refuse it."""
        self.recipients.append(instance.recipient)
        return Refusal(reason="not this one") if instance.sop_instance_uid == self.uid else None


def test_other_plugins_judge_what_leaves(pacs_archive: Archives, node: Node) -> None:
    """They are told who gets it, and by which door."""
    keeper = _Keeps()
    sent, kept = make_instance(), make_instance()
    keeper.uid = str(kept.SOPInstanceUID)
    running = routing(pacs_archive, node, destination={"attempts": 2}, plugins={"keeper": keeper})
    running.take_in(sent, kept)
    until(lambda: len(node.instances) == 1 and bool(jobs_of(running, JobState.FAILED)))
    (letter,) = jobs_of(running, JobState.FAILED)
    assert (letter.payload["instance"], letter.error) == (keeper.uid, "not this one")
    assert {(each.door, each.aet) for each in keeper.recipients} == {("routing", "NODE")}


def test_an_instance_that_cannot_be_opened_holds_up_no_other(
    pacs_archive: Archives, node: Node
) -> None:
    """Its object is lost: a dead letter, when the attempts are used up."""
    storage = MemoryStorage()
    node.away = True
    running = routing(pacs_archive, node, destination={"attempts": 2}, storage=storage)
    study = str(generate_uid())
    lost, good = (make_instance(StudyInstanceUID=study) for _ in range(2))
    running.take_in(lost, good)
    until(lambda: node.refused > 0)
    found = running.archive.lookup.instance(str(lost.SOPInstanceUID))
    assert found is not None
    storage.delete(found.storage_key)
    node.away = False
    until(lambda: len(node.instances) == 1)
    until(lambda: bool(jobs_of(running, JobState.FAILED)))
    assert [job.payload["instance"] for job in jobs_of(running, JobState.FAILED)] == [
        lost.SOPInstanceUID
    ]
    assert node.arrived == [good.SOPInstanceUID]


def test_nothing_is_sent_out_of_hours(pacs_archive: Archives, node: Node) -> None:
    """It waits until the hours begin."""
    then = dt.datetime.now(dt.UTC).astimezone() + dt.timedelta(hours=2)
    hours = f"{then:%H:%M}-{then + dt.timedelta(minutes=30):%H:%M}"
    running = routing(pacs_archive, node, destination={"hours": hours})
    running.take_in(make_instance())
    until(lambda: bool(running.archive.jobs.pauses()))
    (pause,) = running.archive.jobs.pauses()
    assert pause.until is not None
    assert pause.until.astimezone().strftime("%H:%M") == f"{then:%H:%M}"
    assert hours in pause.reason
    assert node.arrived == []


def test_it_is_sent_in_the_transfer_syntax_that_is_asked_for(
    pacs_archive: Archives, node: Node
) -> None:
    """Where the destination takes it and the pixels can be had so; else as it is stored."""
    running = routing(
        pacs_archive,
        node,
        destination={"send_as": {"to": "rle"}},
        plugins={"codecs-pylibjpeg": pacs_codecs_pylibjpeg.plugin},
    )
    image = make_instance()
    report = make_instance(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
    running.take_in(image, report)
    until(lambda: len(node.instances) == 2)
    assert node.instances[str(image.SOPInstanceUID)][0] == RLELossless
    assert node.instances[str(report.SOPInstanceUID)][0] == ExplicitVRLittleEndian


def test_with_loss_it_is_another_instance(pacs_archive: Archives, node: Node) -> None:
    """The job says under which UID it went."""
    running = routing(
        pacs_archive,
        node,
        destination={"send_as": {"to": "jpeg", "lossy": True, "quality": 90}},
        plugins={"codecs-imagecodecs": pacs_codecs_imagecodecs.plugin},
    )
    image = make_instance(SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1")
    running.take_in(image)
    until(lambda: len(node.instances) == 1)
    settled(running)
    (uid,) = node.instances
    (job,) = jobs_of(running)
    assert uid != image.SOPInstanceUID
    assert job.result["sent_as"] == uid


def test_what_a_destination_does_not_take_is_decoded_for_it(
    pacs_archive: Archives, node: Node
) -> None:
    """Without a rule, and without loss; a SOP class that it never takes is a dead letter."""
    image, other = make_instance(transfer_syntax=str(JPEGLosslessSV1)), make_instance(Modality="MR")
    other.SOPClassUID = other.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    node.taken = {
        str(image.SOPClassUID): [str(ExplicitVRLittleEndian)],
        str(other.SOPClassUID): ["1.2.840.10008.1.2.4.100"],
    }
    plugins = {"codecs-pylibjpeg": pacs_codecs_pylibjpeg.plugin}
    running = routing(pacs_archive, node, plugins=plugins)
    running.take_in(image, other)
    until(lambda: len(node.instances) == 1 and bool(jobs_of(running, JobState.FAILED)))
    assert node.instances[str(image.SOPInstanceUID)][0] == ExplicitVRLittleEndian
    (letter,) = jobs_of(running, JobState.FAILED)
    assert "NODE takes no instances of SOP class 1.2.840.10008.5.1.4.1.1.4" in letter.error


def test_a_folder_gets_whole_files_under_names_of_their_attributes(
    pacs_archive: Archives, tmp_path: Path
) -> None:
    """What is sent there again takes the place of what was."""
    folder = tmp_path / "export" / "here"
    destinations = [
        {"name": "here", "folder": str(folder), "file_name": "{PatientID}/{SOPInstanceUID}.dcm"}
    ]
    running = routing(pacs_archive, destinations=destinations)
    made = make_instance(PatientID="../P 1")
    running.take_in(made)
    file = folder / "_P_1" / f"{made.SOPInstanceUID}.dcm"
    until(file.exists)
    settled(running)
    found = dcmread(file)
    assert (found, found.file_meta.TransferSyntaxUID) == (made, ExplicitVRLittleEndian)
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_folder_that_cannot_be_written_to_is_away(pacs_archive: Archives, tmp_path: Path) -> None:
    """A file stands in its place; when that is gone, everything arrives."""
    folder = tmp_path / "export"
    folder.write_text("in the way", "utf-8")
    destinations = [{"name": "here", "folder": str(folder / "below"), "attempts": 0, **QUICK}]
    running = routing(pacs_archive, destinations=destinations)
    made = make_instance()
    running.take_in(made)
    until(lambda: any(job.error for job in jobs_of(running)))
    folder.unlink()
    until(lambda: bool(list(folder.rglob("*.dcm"))))


def test_what_was_not_sent_goes_after_a_restart(pacs_archive: Archives, node: Node) -> None:
    """Each once."""
    node.away = True
    storage = MemoryStorage()
    first = routing(pacs_archive, node, storage=storage)
    made = [make_instance() for _ in range(3)]
    first.take_in(*made)
    until(lambda: node.refused > 0)
    data = first.data
    first.stop()
    node.away = False
    second = routing(pacs_archive, node, storage=storage, folder=data)
    until(lambda: len(node.instances) == 3)
    settled(second)
    assert sorted(node.arrived) == sorted(str(each.SOPInstanceUID) for each in made)


def test_what_a_person_wants_besides_a_rule_is_sent_besides(
    pacs_archive: Archives, node: Node
) -> None:
    """Two jobs for one instance that wait together: each is done."""
    node.away = True
    running = routing(pacs_archive, node)
    made = make_instance()
    running.take_in(made)
    until(lambda: node.refused > 0)
    study, uid = str(made.StudyInstanceUID), str(made.SOPInstanceUID)
    running.archive.jobs.enqueue([order_by_hand("node", study, uid, Priority.HIGH)])
    node.away = False
    until(lambda: len(node.arrived) == 2)
    settled(running, 2)
    assert node.arrived == [uid] * 2


def test_an_association_that_ends_with_its_node_costs_no_attempt(
    pacs_archive: Archives, node: Node
) -> None:
    """It is the node's end that broke it, not the instance: even a single attempt is left."""

    def answer(request: Any) -> int:
        if node.refused == 0:
            node.away = True
            request.association.abort()
        return Status.SUCCESS

    node.answer = answer
    running = routing(pacs_archive, node, destination={"attempts": 1})
    running.take_in(make_instance())
    until(lambda: node.refused > 1)
    node.away = False
    settled(running, 1)
    assert [job.attempts for job in jobs_of(running)] == [0]


def test_orders_that_nobody_can_mean_are_refused(pacs_archive: Archives, node: Node) -> None:
    """Made by hand, with `pacs jobs start`."""
    running = routing(pacs_archive, node)
    for kind, payload in (
        ("routing.send.node", {}),
        ("routing.send.node", {"instance": "1.2", "priority": "now"}),
        ("routing.complete", {"rule": "all"}),
    ):
        with pytest.raises(JobRefused):
            running.archive.jobs.enqueue([JobOrder(kind=kind, payload=payload)])


def test_what_waits_for_its_study_waits_on_after_a_restart(
    pacs_archive: Archives, node: Node
) -> None:
    """The timer is as durable as what it is about."""
    rule = {"complete": "study", "quiet": 3.0, "forced": 0}
    storage = MemoryStorage()
    first = routing(pacs_archive, node, rule=rule, storage=storage)
    made = make_instance()
    first.take_in(made)
    until(lambda: bool(jobs_of(first, JobState.HELD)))
    data = first.data
    first.stop()
    assert node.arrived == []
    second = routing(pacs_archive, node, rule=rule, storage=storage, folder=data)
    settled(second, 1)
    assert node.arrived == [made.SOPInstanceUID]


def test_time_is_that_of_the_arrival(pacs_archive: Archives, node: Node) -> None:
    """On the clock of this machine, with an hour to spare on both sides."""
    here = dt.datetime.now(dt.UTC).astimezone()
    hour = dt.timedelta(hours=1)
    around = f'time between "{here - hour:%H:%M}" and "{here + hour:%H:%M}"'
    rules = [
        {"name": "now", "when": around, "send_to": "node", "last": True},
        {"name": "else", "label": "too-late"},
    ]
    running = routing(pacs_archive, node, rules=rules)
    running.take_in(make_instance())
    settled(running, 1)
    assert running.archive.marks.labels() == []


def test_a_stop_does_not_wait_for_a_destination_that_says_nothing(
    pacs_archive: Archives, node: Node
) -> None:
    """What it had in hand goes again at the next start, and no attempt is counted."""
    answered, storage = threading.Event(), MemoryStorage()

    def answer(_request: object) -> int:
        answered.wait(10 * PATIENCE)
        return Status.SUCCESS

    node.answer = answer
    silent = {"timeout": 10 * PATIENCE, "attempts": 1}
    first = routing(pacs_archive, node, destination=silent, storage=storage)
    first.take_in(make_instance())
    until(lambda: len(node.arrived) == 1)
    data = first.data
    try:
        first.stop()
    finally:
        answered.set()
    second = routing(pacs_archive, node, destination=silent, storage=storage, folder=data)
    settled(second, 1)
    assert [job.attempts for job in jobs_of(second)] == [0]
