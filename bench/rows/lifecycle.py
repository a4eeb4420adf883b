"""From the start of the process to the first association, and from SIGTERM to its end."""

from __future__ import annotations

import time

from bench.client import tasks
from bench.peers import Peer
from bench.rows.base import Bench, Measured, NotMeasured, Row

__all__ = ["ROWS"]

_LIVE = 50


class Start(Row):
    """In an empty folder, so that an archive makes its index too."""

    name = "start"
    title = "start to first accepted association"
    unit = "ms"
    fresh = True
    spawns = False
    repeats = 5
    peers = ("ours", "ours-workers", "orthanc", "storescp", "pynetdicom", "qrscp")
    not_in_quick = ("ours-workers", "pynetdicom", "qrscp")

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """The client tries again every 2 ms."""
        peer.spawn()
        bench.client.run(tasks.first_association, peer.address)
        return Measured((time.perf_counter() - peer.spawned) * 1000)


class Stop(Row):
    """SIGTERM with 50 live associations, until the process is gone."""

    name = "stop"
    title = f"stop with {_LIVE} live associations"
    unit = "ms"
    fresh = True
    repeats = 5
    peers = ("ours", "orthanc", "pynetdicom")
    not_in_quick = ("orthanc",)  # waits for its associations, 30 s

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """Also notes how many associations were told by an A-ABORT."""
        held = bench.client.run(tasks.hold, peer.address, min(_LIVE, peer.associations))
        if not held:
            raise NotMeasured("no association was accepted")
        bench.client.begin(tasks.watch_held)
        seconds = peer.stop()
        aborted = bench.client.result()
        if peer.killed:
            raise NotMeasured(
                f"did not stop: killed after {peer.stop_seconds:g} s; {aborted} of {held} got an "
                "A-ABORT"
            )
        return Measured(seconds * 1000, note=f"{aborted} of {held} got an A-ABORT")


ROWS: list[Row] = [Start(), Stop()]
