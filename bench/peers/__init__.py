"""The peers by name, in the order of the table's columns."""

from __future__ import annotations

from bench.peers.base import Destinations, Peer
from bench.peers.dcmtk import Storescp, StorescpFork
from bench.peers.nodes import OursOnPostgres, OursOnTwoNodes
from bench.peers.orthanc import Orthanc, OrthancAsInstalled
from bench.peers.ours import Ours, OursWithWorkers
from bench.peers.ours_s3 import BarePuts, OursOnS3
from bench.peers.pynetdicom_apps import PynetdicomQrscp, PynetdicomStorescp

__all__ = ["PEERS", "Destinations", "Peer"]

PEERS: dict[str, type[Peer]] = {
    peer.name: peer
    for peer in (
        Ours,
        OursWithWorkers,
        OursOnS3,
        BarePuts,
        OursOnPostgres,
        OursOnTwoNodes,
        Orthanc,
        OrthancAsInstalled,
        Storescp,
        StorescpFork,
        PynetdicomStorescp,
        PynetdicomQrscp,
    )
}
