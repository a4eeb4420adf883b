"""The state table against the standard as pynetdicom, an independent reader, has it."""

from __future__ import annotations

import pytest
from pynetdicom.fsm import TRANSITION_TABLE

from pacs_framework.network.state import EFFECTS, TRANSITIONS, Action, Event, Send, State


def ours() -> dict[tuple[str, str], str]:
    return {
        (f"Evt{event.value}", f"Sta{state.value}"): transition.action.name.replace("_", "-")
        for event in Event
        for state in State
        if (transition := TRANSITIONS[event][state]) is not None
    }


def test_the_table_has_the_actions_of_table_9_10() -> None:
    """Every cell of PS3.8 Table 9-10 is there, and no other."""
    assert ours() == TRANSITION_TABLE


def test_all_states_events_and_actions_are_used() -> None:
    """13 states, 19 events, and each action has its effect."""
    cells = [t for row in TRANSITIONS for t in row if t is not None]
    assert len(State) == 13
    assert len(Event) == 19
    assert {t.action for t in cells} == set(Action) == set(EFFECTS)
    reached = {t.as_requestor for t in cells} | {t.as_acceptor for t in cells}
    assert reached == set(State)


@pytest.mark.parametrize(
    ("action", "next_state"),
    [
        (Action.AE_1, State.AWAITING_TRANSPORT),
        (Action.AE_2, State.AWAITING_ASSOCIATE_ANSWER),
        (Action.AE_3, State.ESTABLISHED),
        (Action.AE_4, State.IDLE),
        (Action.AE_5, State.AWAITING_ASSOCIATE_RQ),
        (Action.AE_6, State.AWAITING_ASSOCIATE_RESPONSE),
        (Action.AE_7, State.ESTABLISHED),
        (Action.AE_8, State.AWAITING_CLOSE),
        (Action.DT_1, State.ESTABLISHED),
        (Action.DT_2, State.ESTABLISHED),
        (Action.AR_1, State.AWAITING_RELEASE_RP),
        (Action.AR_2, State.AWAITING_RELEASE_RESPONSE),
        (Action.AR_3, State.IDLE),
        (Action.AR_4, State.AWAITING_CLOSE),
        (Action.AR_5, State.IDLE),
        (Action.AR_6, State.AWAITING_RELEASE_RP),
        (Action.AR_7, State.AWAITING_RELEASE_RESPONSE),
        (Action.AR_9, State.COLLISION_REQUESTOR_AWAITING_RP),
        (Action.AR_10, State.COLLISION_ACCEPTOR_RESPONSE),
        (Action.AA_1, State.AWAITING_CLOSE),
        (Action.AA_2, State.IDLE),
        (Action.AA_3, State.IDLE),
        (Action.AA_4, State.IDLE),
        (Action.AA_5, State.IDLE),
        (Action.AA_6, State.AWAITING_CLOSE),
        (Action.AA_7, State.AWAITING_CLOSE),
        (Action.AA_8, State.AWAITING_CLOSE),
    ],
)
def test_an_action_leads_to_one_state(action: Action, next_state: State) -> None:
    """Tables 9-6 to 9-9: but for AR-8, an action has one next state wherever it stands."""
    cells = [t for row in TRANSITIONS for t in row if t is not None and t.action is action]
    assert {(t.as_requestor, t.as_acceptor) for t in cells} == {(next_state, next_state)}


def test_a_release_collision_goes_by_role() -> None:
    """AR-8: state 9 for the association requestor, 10 for the acceptor."""
    transition = TRANSITIONS[Event.RELEASE_RQ_RECEIVED][State.AWAITING_RELEASE_RP]
    assert transition is not None
    assert transition.as_requestor is State.COLLISION_REQUESTOR_RESPONSE
    assert transition.as_acceptor is State.COLLISION_ACCEPTOR_AWAITING_RP


def test_the_timer_runs_where_the_standard_starts_it() -> None:
    """ARTIM: started by AE-5, AE-8, AR-4, AA-1, AA-8; stopped by AE-6, AR-5, AA-2, AA-5."""
    started = {a for a, e in EFFECTS.items() if e.artim is True}
    stopped = {a for a, e in EFFECTS.items() if e.artim is False}
    assert started == {Action.AE_5, Action.AE_8, Action.AR_4, Action.AA_1, Action.AA_8}
    assert stopped == {Action.AE_6, Action.AR_5, Action.AA_2, Action.AA_5}


def test_aborts_name_their_source() -> None:
    """AA-1 aborts as service-user, AA-7 and AA-8 as service-provider."""
    sources = {a: e.send for a, e in EFFECTS.items() if e.send and e.send >= Send.ABORT_AS_USER}
    assert sources == {
        Action.AA_1: Send.ABORT_AS_USER,
        Action.AA_7: Send.ABORT_AS_PROVIDER,
        Action.AA_8: Send.ABORT_AS_PROVIDER,
    }
