"""A plugin that misbehaves takes down neither another plugin nor another association."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from pacs_framework.dicom.status import Status
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive

from .isolation import (
    DEADLINE,
    Notes,
    Serve,
    eventually,
    hook_figures,
    limits,
    log_lines,
    pacs,
)

BUDGET = 2.0  # seconds; long enough that something else happens meanwhile
Store = Callable[[ServedArchive, Dataset], Dataset]

MISBEHAVES = """
    import os
    import sys
    import time
    from pathlib import Path
    from pacs_framework import hookimpl

    def _sleep():
        time.sleep(3600)

    def _spin():
        while True:
            pass

    def _raise():
        raise ValueError("Doe^Jane")

    WAYS = {"sleep": _sleep, "spin": _spin, "raise": _raise, "exit": sys.exit,
            "nonsense": lambda: "yes"}

    @hookimpl
    def on_store(instance):
        folder = Path(os.environ["ISOLATION_NOTES"]).parent
        way = WAYS.get(instance.attributes["StudyDescription"])
        if way and not (folder / "mended").exists():
            (folder / "began").touch()
            return way()
"""
NOTIFIED_BADLY = """
    import os
    import time
    from pathlib import Path
    from pacs_framework import hookimpl

    @hookimpl
    def on_stored(change):
        folder = Path(os.environ["ISOLATION_NOTES"]).parent
        if not (folder / "mended").exists():
            {way}
        with (folder / "late").open("a") as notes:
            notes.write(f"{{change.sop_instance_uid}}\\n")
"""


def an_instance(description: str = "") -> Dataset:
    return make_instance(StudyDescription=description, SOPInstanceUID=generate_uid())


# --- one call ----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["raise", "nonsense", "exit", "sleep", "spin"])
def test_a_judge_that_misbehaves_fails_its_own_instance_only(
    serve: Serve, store: Store, notes: Notes, way: str
) -> None:
    """0110H for it; meanwhile another association stores, and another plugin learns of that."""
    archive = serve(MISBEHAVES, limits(decide_seconds=BUDGET))
    statuses: list[int] = []
    bad = threading.Thread(target=lambda: statuses.append(store(archive, an_instance(way)).Status))
    bad.start()
    eventually(notes.file.with_name("began").exists)
    fine = an_instance()
    assert store(archive, fine).Status == Status.SUCCESS
    if way in ("sleep", "spin"):
        assert statuses == [], "the other one had not to wait for the budget"
    bad.join(DEADLINE)
    assert statuses == [Status.PROCESSING_FAILURE]
    eventually(lambda: notes.uids() == [fine.SOPInstanceUID])
    [line] = log_lines(archive, "bad")
    assert line["hook"] == "on_store"
    assert "Doe" not in archive.log_text()
    assert store(archive, an_instance()).Status == Status.SUCCESS, "the plugin is asked again"
    assert archive.stop() == 0


def test_an_archive_starts_though_the_import_of_a_plugin_hangs(serve: Serve, store: Store) -> None:
    """It is left out, with the reason."""
    archive = serve("import time\ntime.sleep(3600)\n", limits(register_seconds=0.2))
    assert store(archive, an_instance()).Status == Status.SUCCESS
    rows = json.loads(pacs(archive, "plugins", "--json").stdout)
    (row,) = (row for row in rows if row["name"] == "bad")
    assert row["state"] == "failed"
    assert row["reason"].startswith("its import took longer than 0.2 s")


def test_a_judge_that_ends_its_process_takes_one_worker_along(serve: Serve, store: Store) -> None:
    """The others go on, and it is replaced."""
    source = MISBEHAVES.replace("sys.exit", "lambda: os._exit(1)")
    archive = serve(source, "", "--workers", "2")
    died = store(archive, an_instance("exit"))
    assert "Status" not in died, "the association is lost"
    assert store(archive, an_instance()).Status == Status.SUCCESS
    eventually(lambda: "worker died and is replaced" in archive.log_text())
    eventually(lambda: pacs(archive, "health").returncode == 0)
    assert store(archive, an_instance()).Status == Status.SUCCESS
    assert len(archive.objects()) == 2


# --- circuits ----------------------------------------------------------------------------------


def test_a_plugin_that_must_be_asked_refuses_until_it_works_again(
    serve: Serve, store: Store, notes: Notes
) -> None:
    """Open, refusing at once; seen by plugins, health and log; closed by one call that works."""
    archive = serve(MISBEHAVES, limits(failures=2, retry_after=0.5))
    for _ in range(2):
        assert store(archive, an_instance("raise")).Status == Status.PROCESSING_FAILURE
    assert pacs(archive, "health").returncode == 1
    assert (
        "plugin 'bad' is out of service: its on_store circuit is" in pacs(archive, "health").stdout
    )
    table = pacs(archive, "plugins")
    assert "active, on_store circuit" in table.stdout
    opened = [line for line in log_lines(archive, "bad") if line["event"].endswith("opened")]
    assert [(line["failures"], line["until_then"]) for line in opened] == [
        (2, "every operation is refused")
    ]
    notes.mend()
    eventually(lambda: store(archive, an_instance("raise")).Status == Status.SUCCESS)
    assert log_lines(archive, "bad")[-1]["event"] == "plugin circuit closed"
    assert pacs(archive, "health").returncode == 0


def test_while_it_is_open_the_plugin_is_not_called(serve: Serve, store: Store) -> None:
    """What would have passed is refused as well: nobody knows."""
    archive = serve(MISBEHAVES, limits(failures=1, retry_after=3600))
    store(archive, an_instance("raise"))
    calls = hook_figures(archive, "bad", "on_store")["calls"]
    assert store(archive, an_instance()).Status == Status.PROCESSING_FAILURE
    assert hook_figures(archive, "bad", "on_store")["calls"] == calls == 1
    assert log_lines(archive, "bad")[-1]["event"] == "plugin is not asked, refused"


def test_an_optional_plugin_is_passed_over(serve: Serve, store: Store) -> None:
    """And is no reason to call the archive unhealthy."""
    config = '[plugins]\noptional = ["bad"]\n' + limits(failures=1, retry_after=3600)
    archive = serve(MISBEHAVES, config)
    assert store(archive, an_instance("raise")).Status == Status.PROCESSING_FAILURE
    assert store(archive, an_instance("raise")).Status == Status.SUCCESS
    health = pacs(archive, "health", "--json")
    assert (health.returncode, json.loads(health.stdout)["healthy"]) == (0, True)
    (circuit,) = hook_figures(archive, "bad", "on_store")["circuits"]
    assert (circuit["state"], circuit["optional"]) == ("open", True)


# --- after the commit --------------------------------------------------------------------------


def test_a_consumer_that_raises_holds_up_itself_only(
    serve: Serve, store: Store, notes: Notes
) -> None:
    """Its circuit opens; when it works again it gets everything, in order."""
    source = NOTIFIED_BADLY.format(way="raise ValueError")
    archive = serve(source, limits(failures=1, retry_after=0.2))
    stored = [an_instance() for _ in range(3)]
    for instance in stored:
        assert store(archive, instance).Status == Status.SUCCESS
    uids = [instance.SOPInstanceUID for instance in stored]
    eventually(lambda: notes.uids() == uids)
    late = notes.file.with_name("late")
    assert not late.exists()
    assert "bad" in pacs(archive, "health").stdout
    notes.mend()
    eventually(lambda: late.exists() and late.read_text().split() == uids)


def test_a_consumer_that_hangs_holds_up_itself_only(
    serve: Serve, store: Store, notes: Notes
) -> None:
    """It is shown as over its time, its change is not handed over twice, and a stop ends."""
    archive = serve(NOTIFIED_BADLY.format(way="time.sleep(3600)"), limits(notify_seconds=0.2))
    stored = [an_instance() for _ in range(3)]
    for instance in stored:
        assert store(archive, instance).Status == Status.SUCCESS
    eventually(lambda: len(notes.uids()) == 3)
    eventually(lambda: hook_figures(archive, "bad", "on_stored")["overdue"] == 1)
    figures = hook_figures(archive, "bad", "on_stored")
    assert (figures["calls"], figures["running"], figures["overruns"]) == (0, 1, 1)
    events = [line["event"] for line in log_lines(archive, "bad")]
    assert events == ["plugin ran over its time in hook"]
    assert archive.stop() == 0


# --- calling back ------------------------------------------------------------------------------

CALLS_BACK = """
    from pacs_framework import hookimpl
    from pacs_framework.archive.incoming import Origin
    from pacs_framework.dicom.file_meta import FileMeta
    from pacs_framework.testing.arrivals import encoded

    OURS = Origin(door="derived")

    def derive(archive, dataset, uid):
        dataset.SOPInstanceUID = uid
        meta = FileMeta(sop_class_uid=str(dataset.SOPClassUID), sop_instance_uid=uid,
                        transfer_syntax_uid="1.2.840.10008.1.2.1")
        with archive.receive(OURS, meta) as reception:
            reception.write(encoded(dataset))
            reception.commit()

    @hookimpl
    def on_store(instance, archive):
        if instance.origin.door == "derived" and instance.attributes["StudyDescription"] != "loop":
            return
        assert archive.lookup.instance(instance.sop_instance_uid) is None
        derive(archive, instance.dataset(), instance.sop_instance_uid + ".1")

    @hookimpl
    def on_stored(change, archive):
        if change.origin.door == "derived":
            return
        with archive.open(change.sop_instance_uid).dataset as source:
            assert source.read()
        from pydicom import Dataset
        dataset = Dataset()
        dataset.SOPClassUID = change.sop_class_uid
        dataset.StudyInstanceUID = change.study_instance_uid
        dataset.SeriesInstanceUID = change.series_instance_uid
        derive(archive, dataset, change.sop_instance_uid + ".2")
"""


def test_hooks_look_up_open_and_store_without_a_deadlock(
    serve: Serve, store: Store, notes: Notes
) -> None:
    """On SQLite, from several associations at once, before the commit and after it."""
    archive = serve(CALLS_BACK, limits(decide_seconds=20, failures=1))
    stored = [make_instance(SOPInstanceUID=f"1.2.826.0.1.{n}") for n in range(8)]
    statuses: list[int] = []
    senders = [
        threading.Thread(target=lambda i=instance: statuses.append(store(archive, i).Status))
        for instance in stored
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(DEADLINE)
    assert statuses == [Status.SUCCESS] * 8
    wanted = {f"1.2.826.0.1.{n}{end}" for n in range(8) for end in ("", ".1", ".2")}
    eventually(lambda: set(notes.uids()) == wanted)
    assert pacs(archive, "health").returncode == 0


def test_a_hook_that_stores_in_a_circle_fails_with_a_reason(serve: Serve, store: Store) -> None:
    """A few turns, then a refusal; the peer gets a failure and the archive goes on."""
    archive = serve(CALLS_BACK, limits(decide_seconds=20))
    looping = make_instance(StudyDescription="loop", SOPInstanceUID="1.2.826.0.2")
    assert store(archive, looping).Status == Status.PROCESSING_FAILURE
    assert "stored by on_store from within on_store, 4 deep" in archive.log_text()
    assert archive.objects() == []
    assert store(archive, make_instance(SOPInstanceUID="1.2.826.0.3")).Status == Status.SUCCESS
