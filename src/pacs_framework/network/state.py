"""The state machine of the upper layer: PS3.8 section 9.2 as tables that can be read as such.

`TRANSITIONS` is Table 9-10; `EFFECTS` says what each action of Tables 9-6 to 9-9 does to the
transport, the ARTIM timer and the wire. Nothing here does anything.
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import NamedTuple

__all__ = ["EFFECTS", "TRANSITIONS", "Action", "Effect", "Event", "Send", "State", "Transition"]


@unique
class State(IntEnum):
    """The states of PS3.8 Tables 9-1 to 9-5; the value is the number in their names."""

    IDLE = 1
    AWAITING_ASSOCIATE_RQ = 2
    AWAITING_ASSOCIATE_RESPONSE = 3
    AWAITING_TRANSPORT = 4
    AWAITING_ASSOCIATE_ANSWER = 5
    ESTABLISHED = 6
    AWAITING_RELEASE_RP = 7
    AWAITING_RELEASE_RESPONSE = 8
    COLLISION_REQUESTOR_RESPONSE = 9
    COLLISION_ACCEPTOR_AWAITING_RP = 10
    COLLISION_REQUESTOR_AWAITING_RP = 11
    COLLISION_ACCEPTOR_RESPONSE = 12
    AWAITING_CLOSE = 13


@unique
class Event(IntEnum):
    """The events of PS3.8 Table 9-10; the value is the number in the table."""

    ASSOCIATE_REQUEST = 1
    TRANSPORT_CONFIRMED = 2
    ASSOCIATE_AC_RECEIVED = 3
    ASSOCIATE_RJ_RECEIVED = 4
    TRANSPORT_INDICATED = 5
    ASSOCIATE_RQ_RECEIVED = 6
    ASSOCIATE_ACCEPT = 7
    ASSOCIATE_REJECT = 8
    DATA_REQUEST = 9
    DATA_RECEIVED = 10
    RELEASE_REQUEST = 11
    RELEASE_RQ_RECEIVED = 12
    RELEASE_RP_RECEIVED = 13
    RELEASE_RESPONSE = 14
    ABORT_REQUEST = 15
    ABORT_RECEIVED = 16
    TRANSPORT_CLOSED = 17
    ARTIM_EXPIRED = 18
    INVALID_PDU = 19


@unique
class Action(IntEnum):
    """The actions of PS3.8 Tables 9-6 (AE), 9-7 (DT), 9-8 (AR) and 9-9 (AA)."""

    AE_1 = 1
    AE_2 = 2
    AE_3 = 3
    AE_4 = 4
    AE_5 = 5
    AE_6 = 6
    AE_7 = 7
    AE_8 = 8
    DT_1 = 11
    DT_2 = 12
    AR_1 = 21
    AR_2 = 22
    AR_3 = 23
    AR_4 = 24
    AR_5 = 25
    AR_6 = 26
    AR_7 = 27
    AR_8 = 28
    AR_9 = 29
    AR_10 = 30
    AA_1 = 41
    AA_2 = 42
    AA_3 = 43
    AA_4 = 44
    AA_5 = 45
    AA_6 = 46
    AA_7 = 47
    AA_8 = 48


class Send(IntEnum):
    """The PDU that an action sends; where it depends on the caller, the caller gives its bytes."""

    GIVEN = 1
    RELEASE_RQ = 2
    RELEASE_RP = 3
    ABORT_AS_USER = 4
    ABORT_AS_PROVIDER = 5


class Effect(NamedTuple):
    """What an action does: a PDU to send, the timer to start or stop, the transport to close."""

    send: Send | None = None
    artim: bool | None = None
    close: bool = False


EFFECTS: dict[Action, Effect] = {
    # Table 9-6, association establishment
    Action.AE_1: Effect(),
    Action.AE_2: Effect(send=Send.GIVEN),
    Action.AE_3: Effect(),
    Action.AE_4: Effect(close=True),
    Action.AE_5: Effect(artim=True),
    Action.AE_6: Effect(artim=False),
    Action.AE_7: Effect(send=Send.GIVEN),
    Action.AE_8: Effect(send=Send.GIVEN, artim=True),
    # Table 9-7, data transfer (the driver sends P-DATA itself, without copying it)
    Action.DT_1: Effect(),
    Action.DT_2: Effect(),
    # Table 9-8, release
    Action.AR_1: Effect(send=Send.RELEASE_RQ),
    Action.AR_2: Effect(),
    Action.AR_3: Effect(close=True),
    Action.AR_4: Effect(send=Send.RELEASE_RP, artim=True),
    Action.AR_5: Effect(artim=False),
    Action.AR_6: Effect(),
    Action.AR_7: Effect(),
    Action.AR_8: Effect(),
    Action.AR_9: Effect(send=Send.RELEASE_RP),
    Action.AR_10: Effect(),
    # Table 9-9, abort
    Action.AA_1: Effect(send=Send.ABORT_AS_USER, artim=True),
    Action.AA_2: Effect(artim=False, close=True),
    Action.AA_3: Effect(close=True),
    Action.AA_4: Effect(),
    Action.AA_5: Effect(artim=False),
    Action.AA_6: Effect(),
    Action.AA_7: Effect(send=Send.ABORT_AS_PROVIDER),
    Action.AA_8: Effect(send=Send.ABORT_AS_PROVIDER, artim=True),
}

# Table 9-10. A cell is "action next-state", "." where the event cannot happen. AR-8 leads to state
# 9 as association requestor and to 10 as acceptor. AE-6 stays as printed for an acceptable request;
# one that is not acceptable leads on from state 3 by event 8 or 19.
_TABLE = """
        1       2       3       4       5       6       7       8       9       10      11      12      13
  1     AE1:4   .       .       .       .       .       .       .       .       .       .       .       .
  2     .       .       .       AE2:5   .       .       .       .       .       .       .       .       .
  3     .       AA1:13  AA8:13  .       AE3:6   AA8:13  AA8:13  AA8:13  AA8:13  AA8:13  AA8:13  AA8:13  AA6:13
  4     .       AA1:13  AA8:13  .       AE4:1   AA8:13  AA8:13  AA8:13  AA8:13  AA8:13  AA8:13  AA8:13  AA6:13
  5     AE5:2   .       .       .       .       .       .       .       .       .       .       .       .
  6     .       AE6:3   AA8:13  .       AA8:13  AA8:13  AA8:13  AA8:13  AA8:13  AA8:13  AA8:13  AA8:13  AA7:13
  7     .       .       AE7:6   .       .       .       .       .       .       .       .       .       .
  8     .       .       AE8:13  .       .       .       .       .       .       .       .       .       .
  9     .       .       .       .       .       DT1:6   .       AR7:8   .       .       .       .       .
  10    .       AA1:13  AA8:13  .       AA8:13  DT2:6   AR6:7   AA8:13  AA8:13  AA8:13  AA8:13  AA8:13  AA6:13
  11    .       .       .       .       .       AR1:7   .       .       .       .       .       .       .
  12    .       AA1:13  AA8:13  .       AA8:13  AR2:8   AR8:9/10 AA8:13 AA8:13  AA8:13  AA8:13  AA8:13  AA6:13
  13    .       AA1:13  AA8:13  .       AA8:13  AA8:13  AR3:1   AA8:13  AA8:13  AR10:12 AR3:1   AA8:13  AA6:13
  14    .       .       .       .       .       .       .       AR4:13  AR9:11  .       .       AR4:13  .
  15    .       .       AA1:13  AA2:1   AA1:13  AA1:13  AA1:13  AA1:13  AA1:13  AA1:13  AA1:13  AA1:13  .
  16    .       AA2:1   AA3:1   .       AA3:1   AA3:1   AA3:1   AA3:1   AA3:1   AA3:1   AA3:1   AA3:1   AA2:1
  17    .       AA5:1   AA4:1   AA4:1   AA4:1   AA4:1   AA4:1   AA4:1   AA4:1   AA4:1   AA4:1   AA4:1   AR5:1
  18    .       AA2:1   .       .       .       .       .       .       .       .       .       .       AA2:1
  19    .       AA1:13  AA8:13  .       AA8:13  AA8:13  AA8:13  AA8:13  AA8:13  AA8:13  AA8:13  AA8:13  AA7:13
"""  # noqa: E501 - the columns are those of the standard


class Transition(NamedTuple):
    """An action and the state after it, by role."""

    action: Action
    as_requestor: State
    as_acceptor: State


def _cell(text: str) -> Transition | None:
    if text == ".":
        return None
    name, _, states = text.partition(":")
    requestor, _, acceptor = states.partition("/")
    action = Action[f"{name[:2]}_{name[2:]}"]
    return Transition(action, State(int(requestor)), State(int(acceptor or requestor)))


def _read(table: str) -> list[list[Transition | None]]:
    """Rows by event, columns by state; index 0 of both is unused."""
    rows: list[list[Transition | None]] = [[None] * (len(State) + 1)]
    for line in table.strip().splitlines()[1:]:
        _, *cells = line.split()
        rows.append([None, *map(_cell, cells)])
    return rows


TRANSITIONS: list[list[Transition | None]] = _read(_TABLE)
"""``TRANSITIONS[event][state]``: what happens, or None where the standard has no such case."""
