"""C-GET and C-MOVE of a study of 500 CT images, to a receiver that only counts."""

from __future__ import annotations

from bench.client import tasks
from bench.data import Uids, kind_named
from bench.peers import Peer
from bench.rows.base import Bench, Measured, Row

__all__ = ["ROWS", "STUDY_SIZE", "stored_study"]

STUDY_SIZE = 500
_PEERS = ("ours", "orthanc", "qrscp")


def stored_study(bench: Bench, peer: Peer) -> str:
    """The Study Instance UID of a study of 500 CT images in the peer; stored when needed."""
    if "study" not in peer.state:
        run = bench.unique("study")
        bench.client.run(tasks.store, peer.address, tasks.Store("ct", STUDY_SIZE, 1, run))
        peer.state["study"] = Uids(run)[0]
    study: str = peer.state["study"]
    return study


class Retrieve(Row):
    """One of the two, in images a second."""

    unit = "/s"
    higher_is_better = True
    peers = _PEERS
    not_in_quick = ("qrscp",)
    quick_patience = 6.0

    def __init__(self, service: str) -> None:
        self._service = service
        self.name = f"{service}-raw"
        self.title = f"C-{service.upper()} {STUDY_SIZE} × 0.5 MB CT, raw receiver"

    def prepare(self, bench: Bench, peer: Peer) -> None:
        """The study has to be there."""
        stored_study(bench, peer)

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """From the request to the final response; every image has to arrive."""
        keys = {"StudyInstanceUID": stored_study(bench, peer)}
        if self._service == "get":
            sop_class = kind_named("ct").sop_class
            sample = bench.client.run(tasks.get, peer.address, sop_class, keys)
        else:
            sample = bench.client.run(tasks.move, peer.address, keys)
        if sample.count != STUDY_SIZE:
            raise ValueError(f"{sample.count} of {STUDY_SIZE} images arrived")
        return Measured.rate(sample)


ROWS: list[Row] = [Retrieve("get"), Retrieve("move")]
