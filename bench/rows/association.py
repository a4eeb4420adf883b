"""Association and release, and C-ECHO: the wire alone."""

from __future__ import annotations

from bench.client import tasks
from bench.peers import Peer
from bench.rows.base import Bench, Measured, Row

__all__ = ["ROWS"]

_ALL = ("ours", "orthanc", "storescp", "storescp-fork", "pynetdicom")
_SLOW = ("pynetdicom",)


class AssociateAndRelease(Row):
    """Connect, associate with one presentation context, release: the median of one."""

    name = "associate"
    title = "associate + release"
    unit = "ms"
    peers = _ALL
    not_in_quick = _SLOW

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """One after the other."""
        sample = bench.client.run(tasks.associate_many, peer.address, 50 if bench.quick else 200)
        share = sample.client_cpu / sample.seconds
        return Measured(sample.figures["median_ms"], share)


class Echo(Row):
    """C-ECHOs on one association."""

    name = "echo"
    title = "C-ECHO, one association"
    unit = "/s"
    higher_is_better = True
    peers = _ALL
    not_in_quick = _SLOW

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """Each is sent when the last one is answered."""
        count = 300 if peer.name == "pynetdicom" else 5000
        return Measured.rate(bench.client.run(tasks.echo, peer.address, count))


ROWS: list[Row] = [AssociateAndRelease(), Echo()]
