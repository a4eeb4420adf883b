"""Who is told of which steps, on each engine: PS3.4 Table CC.2.3-2, and the queue behind it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from pydicom import Dataset
from ups_peers import NET, code

from pacs_framework.tables import TableStore, now
from pacs_ups.state.making import new_step
from pacs_ups.state.model import FILTERED, GLOBAL, Code, Result, State, StepError
from pacs_ups.state.outbox import Outbox
from pacs_ups.state.steps import Steps
from pacs_ups.state.subscribing import Subscriptions

UID, LOCK = "1.2.3", "2.25.1"


def keys(**values: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def make(steps: Steps, uid: str = UID, label: str = "x", **attributes: object) -> None:
    steps.create(uid, new_step(label, WorklistLabel="LIST", **attributes))


def refused(operation: Callable[[], Result]) -> Code:
    with pytest.raises(StepError) as caught:
        operation()
    return caught.value.code


def told(outbox: Outbox, aet: str = "W") -> list[tuple[str, int]]:
    """Whom of what, and forgotten by that."""
    outbox.claim("me", now() + dt.timedelta(hours=1))
    waiting = outbox.waiting(aet, 1000)
    for each in waiting:
        outbox.told(aet, "me", each.id, now())
    return [(each.event.uid, each.event.type) for each in waiting]


def held(subscriptions: Subscriptions) -> dict[tuple[str, str], bool]:
    return {(each.aet, each.uid): each.locked for each in subscriptions.listed()}


# --- single steps ---------------------------------------------------------------------------


@pytest.mark.parametrize("before", [None, True, False])
@pytest.mark.parametrize("lock", [True, False])
def test_a_subscription_is_followed_by_the_state_of_the_step(
    steps: Steps, subscriptions: Subscriptions, outbox: Outbox, before: bool | None, lock: bool
) -> None:
    """Each time, with the lock that was asked for last."""
    make(steps)
    if before is not None:
        subscriptions.subscribe(UID, "W", lock=before)
        told(outbox)
    assert subscriptions.subscribe(UID, "W", lock=lock) == Result()
    assert held(subscriptions) == {("W", UID): lock}
    (waiting,) = outbox.waiting("W", 10)
    information = waiting.event.information
    assert (waiting.event.uid, waiting.event.type) == (UID, 1)
    assert (information.ProcedureStepState, information.InputReadinessState) == (
        "SCHEDULED",
        "READY",
    )


def test_who_unsubscribes_is_told_no_more(
    steps: Steps, subscriptions: Subscriptions, outbox: Outbox
) -> None:
    """Of this step; others go on. Twice does no harm."""
    make(steps)
    make(steps, "1.2.4")
    for uid in (UID, "1.2.4"):
        subscriptions.subscribe(uid, "W", lock=False)
    told(outbox)
    for _ in range(2):
        assert subscriptions.unsubscribe(UID, "W") == Result()
    steps.change_state(UID, State.IN_PROGRESS, LOCK)
    steps.change_state("1.2.4", State.IN_PROGRESS, LOCK)
    assert told(outbox) == [("1.2.4", 1)]


# --- all steps ------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", [True, False])
def test_a_global_subscription_is_to_all_steps_that_are_and_come(
    steps: Steps, subscriptions: Subscriptions, outbox: Outbox, lock: bool
) -> None:
    """With a lock, the state of each that is there is told at once; a single one stays."""
    make(steps, "1.1")
    make(steps, "1.2")
    subscriptions.subscribe("1.1", "W", lock=not lock)
    told(outbox)
    assert subscriptions.subscribe(GLOBAL, "W", lock=lock) == Result()
    assert told(outbox) == ([("1.2", 1)] if lock else [])
    make(steps, "1.3", ScheduledStationNameCodeSequence=[code()])
    assert told(outbox) == [("1.3", 1), ("1.3", 5)]
    assert held(subscriptions) == {
        ("W", GLOBAL): lock,
        ("W", "1.1"): not lock,
        ("W", "1.2"): lock,
        ("W", "1.3"): lock,
    }


def test_a_filtered_subscription_is_to_what_matches(
    steps: Steps, subscriptions: Subscriptions, outbox: Outbox
) -> None:
    """As C-FIND does; what comes to match later by a change does not join."""
    make(steps, "1.1", "segment liver")
    make(steps, "1.2", "other")
    wanted = keys(ProcedureStepLabel="seg*")
    assert subscriptions.subscribe(FILTERED, "W", lock=True, keys=wanted) == Result()
    assert told(outbox) == [("1.1", 1)]
    make(steps, "1.3", "segment heart")
    make(steps, "1.4", "more")
    assert told(outbox) == [("1.3", 1)]
    assert held(subscriptions) == {("W", FILTERED): True, ("W", "1.1"): True, ("W", "1.3"): True}
    assert subscriptions.listed()[0].keys is not None


def test_a_global_subscription_ends_with_or_without_those_that_it_made(
    steps: Steps, subscriptions: Subscriptions, outbox: Outbox
) -> None:
    """Suspended, the subscriptions to steps stay; ended, none does, and none of single steps."""
    subscriptions.subscribe(GLOBAL, "W", lock=True)
    make(steps, "1.1")
    assert subscriptions.suspend(GLOBAL, "W") == Result()
    make(steps, "1.2")
    assert held(subscriptions) == {("W", "1.1"): True}
    assert told(outbox) == [("1.1", 1)]
    subscriptions.subscribe(GLOBAL, "W", lock=False)
    assert subscriptions.unsubscribe(GLOBAL, "W") == Result()
    make(steps, "1.3")
    assert held(subscriptions) == {}
    assert told(outbox) == []


# --- refusals -------------------------------------------------------------------------------


def test_what_cannot_be_subscribed_to_is_refused(
    steps: Steps, subscriptions: Subscriptions
) -> None:
    """PS3.4 Table CC.2.3-3, and nothing is kept."""
    make(steps)
    subscribe = subscriptions.subscribe
    assert refused(lambda: subscribe("9.9", "W", lock=True)) == 0xC307
    assert refused(lambda: subscribe(UID, "NOBODY", lock=True)) == 0xC308
    assert refused(lambda: subscribe(GLOBAL, "NOBODY", lock=True)) == 0xC308
    assert refused(lambda: subscribe(FILTERED, "W", lock=True)) == 0x0115
    assert refused(lambda: subscribe(FILTERED, "W", lock=True, keys=Dataset())) == 0x0115
    assert refused(lambda: subscriptions.unsubscribe("9.9", "W")) == 0xC307
    assert refused(lambda: subscriptions.unsubscribe(UID, "NOBODY")) == 0xC308
    assert refused(lambda: subscriptions.suspend(UID, "W")) == 0xC314
    assert refused(lambda: subscriptions.suspend(GLOBAL, "NOBODY")) == 0xC308
    assert held(subscriptions) == {}


def test_a_site_may_do_without_reports_or_locks(steps: Steps, subscriptions: Subscriptions) -> None:
    """C315; B301, and the subscription is there without its lock."""
    make(steps)
    silent = replace(subscriptions, reports=False)
    assert refused(lambda: silent.subscribe(UID, "W", lock=False)) == 0xC315
    without = replace(subscriptions, locks=False)
    assert without.subscribe(UID, "W", lock=True).code == 0xB301
    assert without.subscribe(GLOBAL, "W", lock=True).code == 0xB301
    assert without.subscribe(UID, "W", lock=False) == Result()
    assert set(held(subscriptions).values()) == {False}


def test_who_is_a_peer_no_more_can_give_back_what_it_has(steps: Steps, store: TableStore) -> None:
    """A lock must not outlive the entry in [peers]."""
    make(steps)
    Subscriptions(store).subscribe(UID, "W", lock=True)
    later = Subscriptions(store, knows=lambda _aet: False)
    assert later.unsubscribe(UID, "W") == Result()
    assert refused(lambda: later.unsubscribe(UID, "W")) == 0xC308


# --- the provider ---------------------------------------------------------------------------


def test_everybody_is_told_of_a_restart_once(
    steps: Steps, subscriptions: Subscriptions, outbox: Outbox
) -> None:
    """Global and single subscribers and the fallback list (PS3.4 CC.2.4.3)."""
    make(steps)
    subscriptions.subscribe(UID, "A", lock=False)
    subscriptions.subscribe(GLOBAL, "B", lock=False)
    assert subscriptions.restarted(["C", "A"]) == 3
    assert subscriptions.restarted(["C", "A"]) == 0
    for aet in ("A", "B", "C"):
        event = outbox.waiting(aet, 10)[-1].event
        assert (event.uid, event.type) == (GLOBAL, 4)
        assert event.information.SCPStatus == "RESTARTED"
        assert event.information.SubscriptionListStatus == "WARM START"
        assert event.information.UnifiedProcedureStepListStatus == "WARM START"


# --- the queue ------------------------------------------------------------------------------


def test_a_subscriber_belongs_to_one_at_a_time(
    steps: Steps, subscriptions: Subscriptions, outbox: Outbox
) -> None:
    """Who does not own it any more changes nothing."""
    make(steps)
    subscriptions.subscribe(UID, "W", lock=False)
    soon = now() + dt.timedelta(hours=1)
    found = outbox.claim("a", soon)
    assert found is not None
    assert outbox.claim("b", soon) is None
    assert outbox.next_due() == soon
    outbox.release("a")
    assert outbox.claim("b", soon) is not None
    assert not outbox.renew("W", "a", soon)
    outbox.put_off("W", "a", "mine", now())
    outbox.finish(found, "a")
    assert outbox.next_due() == soon
    ((waiting, number),) = outbox.subscribers()
    assert (waiting.attempts, waiting.error, number) == (0, "", 1)


def test_an_event_that_comes_while_the_last_is_told_is_not_overlooked(
    steps: Steps, subscriptions: Subscriptions, outbox: Outbox
) -> None:
    """`finish` notices what came after its subscriber was read."""
    make(steps)
    subscriptions.subscribe(UID, "W", lock=False)
    soon = now() + dt.timedelta(hours=1)
    found = outbox.claim("a", soon)
    assert found is not None
    steps.change_state(UID, State.IN_PROGRESS, LOCK)
    outbox.finish(found, "a")
    again = outbox.claim("a", soon)
    assert again is not None
    outbox.finish(again, "a")
    assert outbox.next_due() is None


def test_one_who_cannot_be_told_is_put_off_and_events_wait_behind(
    steps: Steps, subscriptions: Subscriptions, outbox: Outbox
) -> None:
    """A new event does not hurry it; a retry does; what is too old is dropped."""
    make(steps)
    subscriptions.subscribe(UID, "W", lock=False)
    later = now() + dt.timedelta(hours=1)
    outbox.claim("a", later)
    outbox.put_off("W", "a", "away", later)
    steps.change_state(UID, State.IN_PROGRESS, LOCK)
    assert outbox.claim("a", later) is None
    ((waiting, number),) = outbox.subscribers()
    assert (waiting.attempts, waiting.error, number) == (1, "away", 2)
    assert outbox.retry(["X"]) == 0
    assert outbox.retry() == 1
    assert outbox.claim("a", later) is not None
    assert outbox.drop("W", now() - dt.timedelta(hours=1)) == 0
    assert outbox.drop("W", now()) == 2


def test_steps_made_while_somebody_subscribes_globally_are_all_subscribed(
    steps: Steps, subscriptions: Subscriptions
) -> None:
    """Whichever comes first in the database."""
    barrier = threading.Barrier(4)

    def create(number: int) -> None:
        barrier.wait(NET)
        for each in range(5):
            make(steps, f"1.{number + 1}.{each + 1}")

    def subscribe() -> None:
        barrier.wait(NET)
        subscriptions.subscribe(GLOBAL, "W", lock=True)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(3)]
    threads.append(threading.Thread(target=subscribe))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(NET)
    assert len(held(subscriptions)) == 16
