"""Fuzz target for the PDU and command-set readers, to be run by hand: python tests/fuzz/fuzz_pdu.py

Takes libFuzzer's options (``-max_total_time=60``, a corpus folder …). Needs atheris
(``pip install atheris``); says so and ends with code 0 where it is missing.
"""

from __future__ import annotations

import sys

try:
    import atheris
except ImportError:
    sys.stdout.write("skipped: atheris is not installed (pip install atheris)\n")
    sys.exit(0)

with atheris.instrument_imports(include=["pacs_framework.network"]):
    from pacs_framework.network.dimse import MessageReader
    from pacs_framework.network.errors import ProtocolError
    from pacs_framework.network.events import DataReceived
    from pacs_framework.network.state import State
    from pacs_framework.network.upper_layer import UpperLayer

_STATES = [state for state in State if state is not State.AWAITING_TRANSPORT]


def one_input(data: bytes) -> None:
    """The first byte chooses the state, the second where the rest is cut in two."""
    if len(data) < 2:
        return
    state, cut, traffic = _STATES[data[0] % len(_STATES)], data[1], memoryview(data)[2:]
    upper = UpperLayer(is_requestor=state is State.AWAITING_ASSOCIATE_ANSWER, max_pdu=16384)
    upper.state = state
    reader = MessageReader()
    for part in (traffic[:cut], traffic[cut:]):
        for event in upper.receive(part):
            if isinstance(event, DataReceived):
                try:
                    reader.feed(event)
                except ProtocolError as error:
                    upper.violation(error)
                    return


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
