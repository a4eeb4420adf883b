"""A stored study of 500 CT images that is sent on, to a receiver that only counts."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from typing import Any

from bench.client import tasks
from bench.peers import Peer
from bench.peers.orthanc import Orthanc
from bench.peers.ours import Ours
from bench.rows.base import Bench, Measured, Row
from bench.rows.retrieve import STUDY_SIZE, stored_study

__all__ = ["ROWS"]

_PATIENCE = 120.0
_DESTINATION = tasks.RECEIVER_AET.lower()
_SECTION = f"""[[plugin.routing.destination]]
name = "{_DESTINATION}"
peer = "{tasks.RECEIVER_AET}"
"""
_NOTE = "from the first association to the last image, not how it was asked for"


class Forwarding(Row):
    """By a destination of ours with its defaults; by Orthanc's DicomModalityStore."""

    name = "forward-ct"
    title = f"{STUDY_SIZE} × 0.5 MB CT sent on, raw receiver"
    unit = "/s"
    higher_is_better = True
    peers = ("ours", "orthanc", "orthanc-stock")
    quick_patience = 6.0

    def adjust(self, peer: Peer) -> None:
        """It has to know where to."""
        if isinstance(peer, Ours):
            peer.more = _SECTION

    def prepare(self, bench: Bench, peer: Peer) -> None:
        """The study has to be there."""
        stored_study(bench, peer)

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """Every image has to arrive."""
        study = stored_study(bench, peer)
        bench.client.run(tasks.expect, STUDY_SIZE)
        if isinstance(peer, Ours):
            _send(peer, study)
        else:
            assert isinstance(peer, Orthanc), f"{peer.name} sends nothing on"
            _store(peer, study)
        return Measured.rate(bench.client.run(tasks.arrivals, _PATIENCE), note=_NOTE)


def _send(peer: Ours, study: str) -> None:
    """``pacs routing send``, which queues it in the archive that runs."""
    command = (sys.executable, "-m", "pacs_framework.cli", "routing", "send")
    done = subprocess.run(
        (*command, study, _DESTINATION, "--config", str(peer.config)),
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE,
    )
    if done.returncode:
        raise ValueError(done.stderr.strip())


def _store(peer: Orthanc, study: str) -> None:
    """``/modalities/{id}/store``, which ends when all is sent."""
    (found,) = _asked(peer, "tools/lookup", study)
    order = {"Resources": [found["ID"]], "Synchronous": True}
    told = _asked(peer, f"modalities/{_DESTINATION}/store", json.dumps(order))
    if told["FailedInstancesCount"]:
        raise ValueError(f"{told['FailedInstancesCount']} images were not sent")


def _asked(peer: Peer, path: str, body: str) -> Any:
    url = f"http://127.0.0.1:{peer.http_port}/{path}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, body.encode(), timeout=_PATIENCE) as answer:
        return json.load(answer)


ROWS: list[Row] = [Forwarding()]
