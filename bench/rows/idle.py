"""What a thousand associations cost that do nothing."""

from __future__ import annotations

import time

from bench import procfs
from bench.client import tasks
from bench.client.process import ClientFailed
from bench.peers import Peer
from bench.peers.orthanc import Orthanc
from bench.rows.base import Bench, Measured, NotMeasured, Row

__all__ = ["ROWS"]

_ASSOCIATIONS = 1000
_SECONDS = 30
_QUICK_SECONDS = 5
_SETTLE = 1.0
_PEERS = ("ours", "orthanc", "storescp-fork", "pynetdicom")


class _Idle(Row):
    """Both figures come from one sitting, which the first row that asks for them holds."""

    fresh = False
    repeats = 1
    quick_repeats = 1
    peers = _PEERS
    not_in_quick = ("storescp-fork", "pynetdicom")
    figure: str

    def adjust(self, peer: Peer) -> None:
        """Orthanc ends associations that are idle for 30 s by default."""
        if isinstance(peer, Orthanc):
            peer.scp_timeout = 120

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """Of what the sitting gave."""
        if "idle" not in peer.state:
            peer.state["idle"] = _sit(bench, peer)
        figures, held = peer.state["idle"]
        note = "" if held == _ASSOCIATIONS else f"{held} associations were accepted"
        return Measured(figures[self.figure], note=note)


class IdleMemory(_Idle):
    """Resident memory per association."""

    name = "idle-memory"
    title = f"{_ASSOCIATIONS:,} idle associations: memory of each"
    unit = "KB"
    figure = "memory"


class IdleCpu(_Idle):
    """CPU of all of them together."""

    name = "idle-cpu"
    title = f"{_ASSOCIATIONS:,} idle associations: CPU"
    unit = "% of a core"
    figure = "cpu"


def _sit(bench: Bench, peer: Peer) -> tuple[dict[str, float], int]:
    """Hold associations for a while. CPU that rounds to nothing counts as half a clock tick."""
    before = procfs.resident(peer.pid)
    try:
        held = bench.client.run(tasks.hold, peer.address, min(_ASSOCIATIONS, peer.associations))
        if not held:
            raise NotMeasured("no association was accepted")
        time.sleep(_SETTLE)
        start = procfs.usage(peer.pid)
        seconds = _QUICK_SECONDS if bench.quick else _SECONDS
        time.sleep(seconds)
        end = procfs.usage(peer.pid)
    except ClientFailed as failed:
        raise NotMeasured(str(failed)) from failed
    finally:
        bench.client.run(tasks.let_go)
    cpu = max(end.cpu - start.cpu, 0.005) / seconds * 100
    return {"memory": max(0, end.resident - before) / held / 1024, "cpu": cpu}, held


ROWS: list[Row] = [IdleMemory(), IdleCpu()]
