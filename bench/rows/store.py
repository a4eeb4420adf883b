"""C-STORE of small, medium and large instances over 1, 4 and 16 associations."""

from __future__ import annotations

from bench.client import tasks
from bench.data import kind_named
from bench.peers import Peer
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
    """Into a bucket, beside the same into files of this machine."""

    in_quick = False

    def __init__(self, kind: str, count: int, associations: int) -> None:
        super().__init__(kind, count, associations)
        self.name = f"s3-{kind}-{associations}"
        self.title += ", objects in S3"
        self.peers = ("ours", "ours-s3")


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
