"""What the fixtures promise: archives, associations, hooks and the clock."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from pynetdicom.sop_class import CTImageStorage, Verification

from pacs_framework.archive.incoming import Refusal
from pacs_framework.dicom.status import Status
from pacs_framework.errors import ConfigurationError, PacsError, RefusedByPolicy
from pacs_framework.hookspecs import HookKind
from pacs_framework.network.decisions import Rejection
from pacs_framework.network.errors import AssociationRejected
from pacs_framework.network.scu import c_echo
from pacs_framework.plugins.contract import Contract
from pacs_framework.testing.hooks import HOOKS, HookRecorder
from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_store import plugin as store
from pacs_verification import plugin as verification

DEADLINE = 10.0  # a net, not a measurement


def test_an_archive_runs_with_the_plugins_that_are_named_alone(
    pacs_archive, pacs_association
) -> None:
    archive = pacs_archive({"verification": verification})
    with pacs_association(archive, Verification, CTImageStorage) as association:
        assert [c.abstract_syntax for c in association.contexts.values()] == [Verification]
        assert c_echo(association) == Status.SUCCESS


def test_pynetdicom_is_a_peer_as_well(pacs_archive, pacs_association, pacs_instances) -> None:
    archive = pacs_archive({"store": store})
    instance = pacs_instances()
    association = pacs_association.pynetdicom(archive, CTImageStorage)
    assert association.send_c_store(instance).Status == Status.SUCCESS
    with archive.archive.open(str(instance.SOPInstanceUID)).dataset as kept:
        assert kept.read()


def test_settings_are_validated_as_those_of_a_file(pacs_archive) -> None:
    with pytest.raises(ConfigurationError, match="aetitle"):
        pacs_archive(settings={"archive": {"aetitle": "PACS"}})
    with pytest.raises(ConfigurationError, match="acept"):
        pacs_archive({"store": store}, settings={"plugin": {"store": {"acept": ["CT"]}}})


def test_the_machine_s_environment_is_not_read(pacs_archive, monkeypatch) -> None:
    monkeypatch.setenv("PACS_ARCHIVE__AET", "ELSEWHERE")
    assert pacs_archive().aet == "PACS"


def test_several_archives_run_at_once_and_one_can_be_continued(
    pacs_archive, pacs_instances
) -> None:
    storage = MemoryStorage()
    first, other = pacs_archive(storage=storage), pacs_archive()
    instance = pacs_instances()
    first.take_in(instance)
    assert other.archive.lookup.instance(str(instance.SOPInstanceUID)) is None
    first.stop()
    again = pacs_archive(storage=storage, folder=first.data)
    assert again.archive.lookup.instance(str(instance.SOPInstanceUID)) is not None


def test_an_archive_in_a_process_of_its_own_has_the_installed_plugins(
    pacs_archive, pacs_association
) -> None:
    archive = pacs_archive.served(config="[log]\nlevel = 'error'\n")
    with pacs_association(archive, Verification) as association:
        assert c_echo(association) == Status.SUCCESS


def test_what_a_test_leaves_open_is_closed(tmp_path) -> None:
    from pacs_framework.testing.factories import Archives, Associations  # noqa: PLC0415

    with Archives(tmp_path) as archives, Associations() as associations:
        archive = archives({"verification": verification})
        ours = associations(archive, Verification)
        theirs = associations.pynetdicom(archive, Verification)
    assert not ours.is_established
    assert not theirs.is_alive()
    of_an_archive = ("association-", "listener", "plugin-helper")
    left = [thread for thread in threading.enumerate() if thread.name.startswith(of_an_archive)]
    for thread in left:
        thread.join(DEADLINE)  # those on their way out
    assert not [thread for thread in left if thread.is_alive()]


# --- hooks ------------------------------------------------------------------------------------


def test_every_decide_and_notify_hook_is_recorded(pacs_hooks) -> None:
    contract = Contract()
    kinds = {HookKind.DECIDE, HookKind.NOTIFY}
    assert set(HOOKS) == {name for name, hook in contract.hooks.items() if hook.kind in kinds}
    assert {each.hook.name for each in contract.implementations(pacs_hooks)} == set(HOOKS)


def test_calls_are_recorded_with_their_arguments(
    pacs_archive, pacs_association, pacs_hooks, pacs_instances
) -> None:
    archive = pacs_archive({"recorder": pacs_hooks, "verification": verification})
    pacs_association(archive, Verification, calling_aet="CT1")
    instance = pacs_instances()
    archive.take_in(instance)
    [stored] = pacs_hooks.wait_for("on_stored")
    assert stored["change"].sop_instance_uid == instance.SOPInstanceUID
    assert [call.hook for call in pacs_hooks.calls] == ["on_association", "on_store", "on_stored"]
    [asked] = pacs_hooks.of("on_association")
    assert asked["request"].calling_aet == "CT1"


def test_a_hook_refuses_raises_and_relents_as_it_is_told(
    pacs_archive, pacs_association, pacs_hooks, pacs_instances
) -> None:
    archive = pacs_archive({"recorder": pacs_hooks})
    pacs_hooks.answer("on_store", Refusal(reason="not today"))
    with pytest.raises(RefusedByPolicy, match="not today"):
        archive.take_in(pacs_instances())
    pacs_hooks.fail("on_store", ValueError("oh"))
    with pytest.raises(PacsError, match="a plugin failed on this instance"):
        archive.take_in(pacs_instances())
    pacs_hooks.answer("on_store", None)
    [outcome] = archive.take_in(pacs_instances())
    assert outcome.status == Status.SUCCESS
    pacs_hooks.answer("on_association", Rejection())
    with pytest.raises(AssociationRejected):
        pacs_association(archive, Verification)


def test_a_hook_hangs_until_it_is_let_go(pacs_archive, pacs_hooks, pacs_instances) -> None:
    archive = pacs_archive({"recorder": pacs_hooks})
    gate = pacs_hooks.hold("on_store")
    thread = threading.Thread(target=archive.take_in, args=(pacs_instances(),))
    thread.start()
    pacs_hooks.wait_for("on_store")
    assert archive.archive.lookup.count() == 0
    gate.set()
    thread.join()
    assert archive.archive.lookup.count() == 1


def test_a_wait_that_is_in_vain_says_so(pacs_hooks) -> None:
    with pytest.raises(TimeoutError, match=r"on_stored was called 0 times in 0\.01 s, not 1"):
        pacs_hooks.wait_for("on_stored", seconds=0.01)
    with pytest.raises(ValueError, match="'on_stroed' is no DECIDE or NOTIFY hook"):
        pacs_hooks.answer("on_stroed", None)


# --- the clock --------------------------------------------------------------------------------


def test_the_archive_sees_the_time_of_the_test(
    pacs_archive, pacs_clock, pacs_hooks, pacs_instances
) -> None:
    """When an instance was received, and when its change was noted."""
    archive = pacs_archive({"recorder": pacs_hooks})
    times = [dt.datetime(2031, 5, 6, 7, 8, 9, tzinfo=dt.UTC)]
    pacs_clock.set(times[0])
    first, second = pacs_instances(), pacs_instances()
    archive.take_in(first)
    pacs_clock.advance(hours=2)
    times.append(times[0] + dt.timedelta(hours=2))
    archive.take_in(second)
    for instance, time in zip((first, second), times, strict=True):
        facts = archive.archive.lookup.instance(str(instance.SOPInstanceUID))
        assert facts.received == time
    changes = [call["change"] for call in pacs_hooks.wait_for("on_stored", 2)]
    assert [change.at for change in changes] == times
    assert pacs_clock.now == times[-1]


def test_the_clock_wants_a_time_zone(pacs_clock) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        pacs_clock.set(dt.datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize("body", [verification, HookRecorder, HookRecorder()])
def test_a_plugin_may_be_a_module_a_class_or_an_object(pacs_archive, body: object) -> None:
    [plugin] = [p for p in pacs_archive({"mine": body}).plugins.active if p.name == "mine"]
    assert plugin.implementations
