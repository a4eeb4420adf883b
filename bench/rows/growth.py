"""By how much a server grows while an instance of 1 GB goes in and out."""

from __future__ import annotations

from bench import procfs
from bench.client import tasks
from bench.data import Uids, kind_named
from bench.peers import Peer
from bench.rows.base import Bench, Measured, Row

__all__ = ["ROWS"]

_KIND = "gigabyte"
_MB = 1e6


class _Growth(Row):
    """Peak resident memory over what it was before, of all processes of the peer."""

    unit = "MB"
    not_in_quick = ("orthanc", "storescp", "pynetdicom")  # the bar is a figure of ours alone
    repeats = 3
    quick_repeats = 1
    patience = 60.0


class GrowthIn(_Growth):
    """While it is stored."""

    name = "growth-in"
    title = "growth while 1 GB goes in"
    peers = ("ours", "orthanc", "storescp", "pynetdicom")

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """The peak between the first byte and the release."""
        run = bench.unique("gigabyte")
        before = procfs.reset_peak(peer.pid)
        bench.client.run(tasks.store, peer.address, tasks.Store(_KIND, 1, 1, run))
        peer.state["gigabyte"] = run
        return _grown(before)


class GrowthOut(_Growth):
    """While it is fetched with C-GET."""

    name = "growth-out"
    title = "growth while 1 GB goes out (C-GET)"
    peers = ("ours", "orthanc")

    def prepare(self, bench: Bench, peer: Peer) -> None:
        """The instance has to be there."""
        if "gigabyte" not in peer.state:
            run = bench.unique("gigabyte")
            bench.client.run(tasks.store, peer.address, tasks.Store(_KIND, 1, 1, run))
            peer.state["gigabyte"] = run

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """The peak until the final response."""
        keys = {"StudyInstanceUID": Uids(peer.state["gigabyte"])[0]}
        before = procfs.reset_peak(peer.pid)
        sample = bench.client.run(tasks.get, peer.address, kind_named(_KIND).sop_class, keys)
        if sample.count != 1:
            raise ValueError("the instance did not arrive")
        return _grown(before)


def _grown(before: dict[int, int]) -> Measured:
    """Less than a megabyte counts as one: below it, ratios would be those of noise."""
    return Measured(max(1.0, procfs.peak_growth(before) / _MB))


ROWS: list[Row] = [GrowthIn(), GrowthOut()]
