"""DCMTK's tools as clients: as users have them, and tuned."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from bench.client.tasks import Address
from bench.data import Uids, instances, kind_named, write_file
from bench.peers import Peer
from bench.rows.base import Bench, Measured, NotMeasured, Row
from bench.rows.retrieve import STUDY_SIZE, stored_study

__all__ = ["MOVE_AET", "STOCK", "TUNED"]

MOVE_AET = "BENCHMOVE"
_BIN = Path("/usr/bin")
_IMAGES = 100
_TUNED = {"TCP_NODELAY": "1"}
_SECONDS = 300


def _run(command: list[str], *, folder: Path, tuned: bool) -> float:
    """Seconds that a tool took. Raises ValueError with what it said when it failed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TCP_", "DCM"))}
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment, **(_TUNED if tuned else {})},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_SECONDS,
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise ValueError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-300:]}")
    return seconds


class ToolRow(Row):
    """One run of one of DCMTK's tools, in seconds."""

    unit = "s"
    table = "stock"
    repeats = 5
    quick_repeats = 3
    tool: str

    def _require(self) -> str:
        program = _BIN / self.tool
        if not program.exists():
            raise NotMeasured("Debian package dcmtk is not installed")
        return str(program)


class SendRow(ToolRow):
    """A tool that sends 100 small images on one association."""

    peers = ("ours", "orthanc", "storescp", "pynetdicom")
    not_in_quick = ("pynetdicom",)

    def __init__(self, tool: str, *options: str) -> None:
        self.tool, self._options = tool, options
        self.name = f"stock-{tool}"
        self.title = f"{tool}, {_IMAGES} × 10 KB MR"

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """New files each time; the writing of them is not timed."""
        program = self._require()
        folder = bench.scratch / "files"
        folder.mkdir()
        try:
            files = _write_files(folder, bench.unique(self.name))
            where = [peer.address.host, str(peer.address.port)]
            command = [program, *self._options, "-aec", peer.address.aet, *where, *files]
            return Measured(_run(command, folder=folder, tuned=False))
        finally:
            shutil.rmtree(folder)


def _write_files(folder: Path, run: str) -> list[str]:
    files = []
    for n, instance in enumerate(instances(kind_named("mr"), Uids(run), _IMAGES)):
        path = folder / f"{n:04d}.dcm"
        write_file(instance, path)
        files.append(str(path))
    return files


class FetchRow(ToolRow):
    """A tool that fetches a study of CT images and writes it to files."""

    unit = "/s"
    higher_is_better = True
    peers = ("ours", "orthanc", "qrscp")
    not_in_quick = ("qrscp",)
    quick_patience = 2.0

    def __init__(self, tool: str, *, tuned: bool) -> None:
        self.tool, self._tuned = tool, tuned
        self.in_quick = tuned  # a stock getscu takes half a minute with Orthanc
        self.table = "peers" if tuned else "stock"
        kind = "tuned" if tuned else "stock"
        self.name = f"{kind}-{tool}"
        title = f"{tool}, {STUDY_SIZE} × 0.5 MB CT"
        self.title = f"{title}, TCP_NODELAY=1, 128 KB PDUs" if tuned else title

    def prepare(self, bench: Bench, peer: Peer) -> None:
        """The study has to be there."""
        stored_study(bench, peer)

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """Every image has to be a file at the end."""
        program = self._require()
        folder = bench.scratch / "fetched"
        folder.mkdir()
        try:
            study = stored_study(bench, peer)
            keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}"]
            command = [program, "-S", *self._specific(peer), *keys, *_where(peer.address)]
            seconds = _run(command, folder=folder, tuned=self._tuned)
            arrived = sum(1 for _ in folder.iterdir())
        finally:
            shutil.rmtree(folder)
        if arrived != STUDY_SIZE:
            raise ValueError(f"{arrived} of {STUDY_SIZE} images arrived")
        return Measured(STUDY_SIZE / seconds)

    def _specific(self, peer: Peer) -> list[str]:
        # movescu 3.6.7 writes no files with --bit-preserving; getscu does.
        tuned = ["--max-pdu", "131072"] if self._tuned else []
        if self.tool == "getscu":
            return [*tuned, "--bit-preserving"] if tuned else []
        port = peer.destinations.ports[MOVE_AET]
        return [*tuned, "-aem", MOVE_AET, "-aet", MOVE_AET, "--port", str(port)]


def _where(address: Address) -> list[str]:
    return ["-aec", address.aet, address.host, str(address.port)]


STOCK: list[Row] = [
    SendRow("storescu"),
    SendRow("dcmsend"),
    FetchRow("getscu", tuned=False),
    FetchRow("movescu", tuned=False),
]
TUNED: list[Row] = [FetchRow("getscu", tuned=True), FetchRow("movescu", tuned=True)]
