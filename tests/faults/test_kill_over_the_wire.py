"""``kill -9`` during a stream of C-STOREs: what was acknowledged is there, and nothing is half."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.errors import PacsError
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.requestor import connect
from pacs_framework.network.scu import c_store
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]

ROUNDS = int(os.environ.get("KILLS", "12"))
SENDERS = 4
CONTEXT = ProposedContext(
    context_id=1,
    abstract_syntax=str(CTImageStorage),
    transfer_syntaxes=(str(ExplicitVRLittleEndian),),
)


class Stream:
    """Several senders that store until the archive dies; knows what was acknowledged."""

    def __init__(self, archive: ServedArchive, kill_after: int) -> None:
        self.acknowledged: set[str] = set()
        self._archive = archive
        self._kill_after = kill_after
        self._lock = threading.Lock()

    def run(self) -> None:
        threads = [threading.Thread(target=self._send, args=(n,)) for n in range(SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert self._archive.process.poll() is not None or self._killed()

    def _killed(self) -> bool:
        return self._archive.process.wait(20) == -signal.SIGKILL

    def _send(self, sender: int) -> None:
        try:
            with connect(
                self._archive.host,
                self._archive.port,
                calling_aet=f"SENDER{sender}",
                called_aet=self._archive.aet,
                contexts=[CONTEXT],
            ) as association:
                [context] = association.contexts.values()
                for uid, data in instances(sender):
                    response = c_store(
                        association,
                        context=context,
                        sop_class_uid=str(CTImageStorage),
                        sop_instance_uid=uid,
                        data=io.BytesIO(data),
                    )
                    assert response.status == Status.SUCCESS
                    self._note(uid)
        except (PacsError, OSError):
            pass  # the archive is gone, as it should be

    def _note(self, uid: str) -> None:
        with self._lock:
            self.acknowledged.add(uid)
            if len(self.acknowledged) == self._kill_after:
                self._archive.process.kill()


def instances(sender: int) -> Iterator[tuple[str, bytes]]:
    """New instances without end: small ones, and now and then one that is staged to disk."""
    number = 0
    while True:
        number += 1
        pixels = bytes(2 << 20) if number % 7 == sender else bytes(20_000)
        ds = make_instance(PatientID=f"P{number % 3}", PixelData=pixels)
        yield ds.SOPInstanceUID, encode_identifier(ds, ExplicitVRLittleEndian)


def stored_uids(archive: ServedArchive) -> set[str]:
    """What is stored, by the names of the files: instance UID, version."""
    return {file.name.partition("-")[0] for file in archive.objects()}


@pytest.mark.parametrize("workers", [1, 2])
def test_every_acknowledged_instance_survives_a_kill_and_verify_is_clean(
    tmp_path: Path, workers: int
) -> None:
    """Many kills on one archive; each start finds and mends what the one before left."""
    chance = random.Random(20260101 + workers)
    acknowledged: set[str] = set()
    folder = tmp_path / "archive"
    for _ in range(ROUNDS // workers):
        with served(folder, options=("--workers", str(workers))) as archive:
            stream = Stream(archive, kill_after=chance.randint(1, 60))
            stream.run()
            acknowledged |= stream.acknowledged
    with served(folder) as archive:
        assert archive.stop() == 0
        done = archive.command("verify")
        assert done.returncode == 0, done.stdout + done.stderr
        assert acknowledged <= stored_uids(archive)
        leftovers = [p for p in archive.data.rglob("*") if ".incoming" in p.parts and p.is_file()]
        assert leftovers == []
    assert acknowledged


def test_a_killed_supervisor_takes_its_workers_with_it(tmp_path: Path) -> None:
    """No worker goes on listening on the port of an archive that is gone."""
    with served(tmp_path / "archive", options=("--workers", "2")) as archive:
        children = Path(f"/proc/{archive.process.pid}/task/{archive.process.pid}/children")
        workers = [int(pid) for pid in children.read_text().split()]
        archive.kill()
        for worker in workers:
            # Waits for the process without being its parent; ends at once when it is gone.
            subprocess.run(["tail", f"--pid={worker}", "-f", "/dev/null"], check=True, timeout=30)
