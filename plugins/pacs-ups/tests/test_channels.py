"""Event channels as rows: everybody who has one open is told of everything, in order, once."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path

import pytest

from pacs_framework.errors import IndexUnavailable
from pacs_framework.tables import now
from pacs_ups.bells import ring_channels
from pacs_ups.channels import EventChannels
from pacs_ups.state.channels import Channels
from pacs_ups.state.making import new_step
from pacs_ups.state.model import GLOBAL

_WAIT = 30.0


@pytest.fixture
def channels(store) -> Channels:
    """None is open yet."""
    return Channels(store)


@pytest.fixture
def told(channels):
    """What waits on a channel, as states."""

    def of(number: str) -> list[str]:
        return [each.event.information.ProcedureStepState for each in channels.waiting(number, 100)]

    return of


@pytest.fixture
def watched(subscriptions, steps) -> str:
    """The UID of a step that is to be made, of which WATCHER will be told."""
    subscriptions.subscribe(GLOBAL, "WATCHER", lock=False)
    return "1.2.3"


def _claim(steps, uid) -> None:
    steps.change_state(uid, "IN PROGRESS", "2.25.1")


def test_each_channel_of_an_ae_is_told_and_no_association(
    channels, steps, watched, told, outbox
) -> None:
    """Those of others are not."""
    mine = [channels.open("WATCHER", "one"), channels.open("WATCHER", "two")]
    other = channels.open("OTHER", "one")
    steps.create(watched, new_step("x"))
    _claim(steps, watched)
    assert [told(each) for each in mine] == [["SCHEDULED", "IN PROGRESS"]] * 2
    assert (told(other), outbox.waiting("WATCHER", 10), outbox.next_due()) == ([], [], None)
    assert channels.listed() == [("OTHER", 0), ("WATCHER", 2), ("WATCHER", 2)]


def test_what_waited_for_an_ae_is_told_on_the_first_channel(
    channels, steps, watched, told, outbox
) -> None:
    """A channel that was lost for a while has missed nothing."""
    steps.create(watched, new_step("x"))
    mine = channels.open("WATCHER", "one")
    assert (told(mine), outbox.waiting("WATCHER", 10)) == (["SCHEDULED"], [])
    assert told(channels.open("WATCHER", "two")) == []


def test_what_the_last_channel_was_not_told_waits_for_the_ae(
    channels, steps, watched, told, outbox
) -> None:
    """In its order; what another channel of the AE is told of is not kept twice."""
    first, last = channels.open("WATCHER", "one"), channels.open("WATCHER", "two")
    steps.create(watched, new_step("x"))
    _claim(steps, watched)
    channels.close(first)
    assert outbox.waiting("WATCHER", 10) == []
    (sent, _) = channels.waiting(last, 10)
    channels.told(last, [sent.id])
    channels.close(last)
    channels.close(last)
    (left,) = outbox.waiting("WATCHER", 10)
    assert left.event.information.ProcedureStepState == "IN PROGRESS"
    assert outbox.next_due() is not None


def test_the_channels_of_a_process_that_is_gone_are_closed(
    channels, steps, watched, told, outbox
) -> None:
    """And those of everybody but the living, where that is known."""
    gone, here = channels.open("WATCHER", "gone"), channels.open("WATCHER", "here")
    channels.release("gone")
    steps.create(watched, new_step("x"))
    assert (told(gone), told(here)) == ([], ["SCHEDULED"])
    channels.keep_only(["other"])
    assert told(here) == []
    assert len(outbox.waiting("WATCHER", 10)) == 1


def test_a_channel_that_nobody_serves_ends_with_what_it_does_not_tell(
    channels, steps, watched, outbox
) -> None:
    """Its node is gone for good: no more is put on it than others keep."""
    channels.open("WATCHER", "elsewhere")
    steps.create(watched, new_step("x"))
    channels.expire(now() - dt.timedelta(seconds=60))
    assert outbox.waiting("WATCHER", 10) == []
    channels.expire(now())
    assert len(outbox.waiting("WATCHER", 10)) == 1


def test_what_is_told_by_association_is_left_to_that(
    channels, steps, watched, told, outbox
) -> None:
    """A report that is under way is not sent on a channel too; what fails of it is."""
    steps.create(watched, new_step("x"))
    until = now() + dt.timedelta(seconds=60)
    found = outbox.claim("teller", until)
    mine = channels.open("WATCHER", "one")
    assert (found.aet, told(mine)) == ("WATCHER", [])
    outbox.finish(found, "teller")
    assert outbox.claim("teller", until) is not None  # because of the channel
    assert channels.take_over("WATCHER", "teller")
    assert told(mine) == ["SCHEDULED"]
    assert not channels.take_over("NOBODY", "teller")


def test_a_channel_hears_of_each_event_and_forgets_what_it_gave(
    store, channels, steps, watched, tmp_path: Path
) -> None:
    """The bell of another process rings; without channels there is no thread."""
    here = EventChannels(channels, store, tmp_path / "ups" / "channels")
    rung = threading.Event()
    mine = here.open("WATCHER", rung.set)
    steps.create(watched, new_step("x"))
    ring_channels(tmp_path)
    assert rung.wait(_WAIT)
    assert [each.uid for each in mine.waiting()] == [watched]
    assert list(mine.waiting()) == []
    mine.close()
    assert "ups-channels" not in {each.name for each in threading.enumerate()}
    assert not list((tmp_path / "ups" / "channels").iterdir())


@pytest.mark.postgresql
@pytest.mark.parametrize("pacs_emptied_tables", ["postgresql"], indirect=True)
def test_events_of_another_node_are_heard(store, channels, steps, watched, tmp_path: Path) -> None:
    """Which shares no folder: by the database, in the moment of the commit."""
    here = EventChannels(channels, store, tmp_path / "ups" / "channels")
    rung = threading.Event()
    mine = here.open("WATCHER", rung.set)
    steps.create("1.2.2", new_step("x"))
    assert rung.wait(_WAIT)  # it listens, and has looked at what was told before
    assert [each.uid for each in mine.waiting()] == ["1.2.2"]
    rung.clear()
    steps.create(watched, new_step("x"))
    assert rung.wait(_WAIT)
    assert [each.uid for each in mine.waiting()] == [watched]
    mine.close()


def test_only_those_are_woken_for_whom_there_is_something(
    store, channels, steps, watched, tmp_path: Path
) -> None:
    """A thousand others of the process need not look."""
    here = EventChannels(channels, store, tmp_path / "ups" / "channels")
    rung, other = threading.Event(), threading.Event()
    mine, idle = here.open("WATCHER", rung.set), here.open("OTHER", other.set)
    steps.create(watched, new_step("x"))
    ring_channels(tmp_path)
    assert rung.wait(_WAIT)
    assert not other.is_set()
    mine.close()
    idle.close()


def test_what_could_not_be_closed_is_closed_with_the_next(
    store, channels, steps, watched, outbox, tmp_path: Path
) -> None:
    """The database was away: until then it goes on to be told, and nothing of it is lost."""

    class Away(Channels):
        away = False

        def close(self, number: str) -> None:
            if self.away:
                raise IndexUnavailable("away")
            super().close(number)

    away = Away(store)
    here = EventChannels(away, store, tmp_path / "ups" / "channels")
    mine, other = here.open("WATCHER", lambda: None), here.open("OTHER", lambda: None)
    away.away = True
    with pytest.raises(IndexUnavailable):
        mine.close()
    steps.create(watched, new_step("x"))
    assert outbox.waiting("WATCHER", 10) == []
    away.away = False
    other.close()
    assert len(outbox.waiting("WATCHER", 10)) == 1
    assert channels.listed() == []
