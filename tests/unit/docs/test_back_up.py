"""The order that docs/how-to/back-up.md gives holds while the archive goes on storing."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE

from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served


class Scanner(threading.Thread):
    """Stores one instance after the other until it is told to stop; small ones and large ones."""

    def __init__(self, archive: ServedArchive) -> None:
        super().__init__(daemon=True)
        self._archive = archive
        self.enough = threading.Event()
        self.first_twenty = threading.Event()
        self.acknowledged: list[str] = []

    def run(self) -> None:
        ae = AE(ae_title="SCANNER")
        ae.add_requested_context(MRImageStorage, ExplicitVRLittleEndian)
        association = ae.associate(self._archive.host, self._archive.port, ae_title="PACS")
        assert association.is_established
        while not self.enough.is_set():
            number = len(self.acknowledged)
            pixels = bytes(2_000_000 if number % 10 == 0 else 2_000)
            instance = make_instance(SOPClassUID=MRImageStorage, PixelData=pixels)
            assert association.send_c_store(instance).Status == 0
            self.acknowledged.append(instance.SOPInstanceUID)
            if number == 20:
                self.first_twenty.set()
        association.release()


def back_up(data: Path, target: Path) -> None:
    """As on the page: the index first, then the objects."""
    target.mkdir()
    with (
        closing(sqlite3.connect(data / "index.sqlite")) as index,
        closing(sqlite3.connect(target / "index.sqlite")) as copy,
    ):
        index.backup(copy)
    shutil.copytree(data / "objects", target / "objects")


def test_a_backup_under_load_restores_all_that_was_acknowledged_before(tmp_path: Path) -> None:
    """Nothing is missing; what came in during the copy is there, or an orphan for reindex."""
    with served(tmp_path / "archive") as archive:
        scanner = Scanner(archive)
        scanner.start()
        assert scanner.first_twenty.wait(60)
        before = set(scanner.acknowledged)
        back_up(archive.data, tmp_path / "restored")
        scanner.enough.set()
        scanner.join(30)
        assert archive.stop() == 0
        assert len(scanner.acknowledged) > len(before)

        verified = archive.run("verify", "--data", tmp_path / "restored", "--json")
        report = json.loads(verified.stdout)
        assert {finding["kind"] for finding in report["findings"]} <= {"orphan"}
        reindexed = archive.run("reindex", "--data", tmp_path / "restored")
        assert reindexed.returncode == 0, reindexed.stdout
    with closing(sqlite3.connect(tmp_path / "restored/index.sqlite")) as index:
        restored = {uid for (uid,) in index.execute("SELECT sop_instance_uid FROM instance")}
    assert before <= restored
