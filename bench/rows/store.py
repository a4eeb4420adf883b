"""C-STORE of small, medium and large instances over 1, 4 and 16 associations."""

from __future__ import annotations

from dataclasses import replace

from bench.client import tasks
from bench.client.putting import put_objects
from bench.data import kind_named
from bench.peers import Peer
from bench.peers.ours_s3 import BarePuts, OnS3
from bench.procfs import cpu_seconds
from bench.rows.base import Bench, Measured, NotMeasured, Row

__all__ = ["LARGE", "MEDIUM", "NODES", "S3", "SMALL"]


class StoreRow(Row):
    """``count`` instances of one kind over some associations, each with a study of its own."""

    unit = "/s"
    higher_is_better = True

    def __init__(self, kind: str, count: int, associations: int) -> None:
        self._kind, self._count, self._associations = kind, count, associations
        self.name = f"store-{kind}-{associations}"
        self.title = f"C-STORE {count:,} × {kind_named(kind).title}, {associations} assoc."
        self.not_in_quick = ("pynetdicom",)
        if kind != "mr":
            self.quick_repeats = 2
        self.peers = ("ours", "orthanc", "storescp", "pynetdicom")
        if associations > 1:
            self.peers = (
                "ours",
                "ours-workers",
                "orthanc",
                "storescp",
                "storescp-fork",
                "pynetdicom",
            )

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """From the first connection to the last release."""
        if peer.name == "pynetdicom" and self._associations > peer.associations:
            raise NotMeasured("takes 10 associations at most")
        job = tasks.Store(self._kind, self._count, self._associations, bench.unique(self.name))
        sample = bench.client.run(tasks.store, peer.address, job)
        return Measured.rate(sample, note=self._note(peer))

    def _note(self, peer: Peer) -> str:
        if peer.name == "storescp" and self._associations > 1:
            return "takes one association after the other"
        return ""


class LargeStoreRow(StoreRow):
    """Large instances: over 16 associations there are only as many busy as there are instances."""

    unit = "MB/s"
    fresh = True
    repeats = 3

    def __init__(self, kind: str, count: int, associations: int) -> None:
        super().__init__(kind, count, associations)
        self.in_quick = associations == 1
        self.quick_repeats = 1
        self.peers = tuple(name for name in self.peers if name != "ours-workers")

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """As for small ones, in 10⁶ bytes a second."""
        rate = super().measure(bench, peer)
        size = kind_named(self._kind).pixel_bytes / 1e6
        return Measured(rate.value * size, rate.client_share, rate.note)


class S3StoreRow(StoreRow):
    """Into a bucket, beside the same into files of this machine, and PUTs without an archive.

    Its notes tell the processor time, which says more than the rate where others are at work.
    """

    in_quick = False

    def __init__(self, kind: str, count: int, associations: int) -> None:
        super().__init__(kind, count, associations)
        self.name = f"s3-{kind}-{associations}"
        self.title += ", objects in S3"
        self.peers = ("ours", "ours-s3", "s3-puts")

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """The same of each, but for those that no archive is between."""
        spent = _Spent(peer)
        if isinstance(peer, BarePuts):
            job = tasks.Store(self._kind, self._count, self._associations, bench.unique(self.name))
            measured = Measured.rate(bench.client.run(put_objects, peer.place, job))
        else:
            measured = super().measure(bench, peer)
        seconds = measured.client_share / measured.value
        return replace(measured, note=spent.note(self._count, seconds))


class _Spent:
    """Processor time of an archive and its store, since this was made."""

    def __init__(self, peer: Peer) -> None:
        self._pids = {"archive": peer.pid} if peer.associations else {}
        if isinstance(peer, OnS3):
            self._pids["store"] = peer.store.pid
        self._before = {name: cpu_seconds(pid) for name, pid in self._pids.items()}

    def note(self, count: int, client: float) -> str:
        """For each of ``count`` instances; ``client`` in seconds for one."""
        each = {"client": client}
        for name, pid in self._pids.items():
            each[name] = (cpu_seconds(pid) - self._before[name]) / count
        parts = ", ".join(f"{name} {1000 * seconds:.2f}" for name, seconds in each.items())
        return (
            f"ms of CPU for each in the last sample: {parts}; all {1000 * sum(each.values()):.2f}"
        )


class NodesStoreRow(StoreRow):
    """On two nodes with one PostgreSQL, beside one node with its own."""

    in_quick = False

    def __init__(self, kind: str, count: int, associations: int) -> None:
        super().__init__(kind, count, associations)
        self.name = f"nodes-{kind}-{associations}"
        self.title += ", PostgreSQL"
        self.peers = ("ours-pg", "ours-nodes")


SMALL: list[Row] = [StoreRow("mr", 1000, n) for n in (1, 4, 16)]
MEDIUM: list[Row] = [StoreRow("ct", 500, n) for n in (1, 4, 16)]
LARGE: list[Row] = [LargeStoreRow("multiframe", 5, n) for n in (1, 4, 16)]
S3: list[Row] = [S3StoreRow("mr", 1000, 16), S3StoreRow("ct", 500, 16)]
NODES: list[Row] = [NodesStoreRow("mr", 1000, 16), NodesStoreRow("ct", 500, 16)]
