"""Backups of an archive that goes on storing, and commands that are killed in the middle."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE

from pacs_framework.testing.forked import start_module
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served

KILLS = 3
PACS = "pacs_framework.cli"


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


def indexed(data: Path) -> set[str]:
    with closing(sqlite3.connect(data / "index.sqlite")) as index:
        return {uid for (uid,) in index.execute("SELECT sop_instance_uid FROM instance")}


def nothing_wrong(archive: ServedArchive, data: Path) -> None:
    verified = archive.run("verify", "--data", data, "--json")
    assert json.loads(verified.stdout)["findings"] == []


def test_a_backup_under_load_restores_all_that_was_acknowledged_before(tmp_path: Path) -> None:
    """And nothing in it is missing or half."""
    backup, restored = tmp_path / "backup", tmp_path / "restored"
    with served(tmp_path / "archive") as archive:
        scanner = Scanner(archive)
        scanner.start()
        assert scanner.first_twenty.wait(120)
        before = set(scanner.acknowledged)
        made = archive.run("backup", "--config", archive.config, backup, "--json")
        assert made.returncode == 0, made.stderr
        scanner.enough.set()
        scanner.join(60)
        assert archive.stop() == 0
        assert len(scanner.acknowledged) > len(before)
        done = archive.run("restore", backup, "--data", restored)
        assert done.returncode == 0, done.stderr
        nothing_wrong(archive, restored)
    assert before <= indexed(restored)


@pytest.mark.crash
def test_backup_and_restore_survive_every_kill(tmp_path: Path) -> None:
    """Whenever they are killed, they go on; and a restore that is not done is not served."""
    choose = random.Random(20261122)
    backup, restored = tmp_path / "backup", tmp_path / "restored"
    with served(tmp_path / "archive") as archive:
        scanner = Scanner(archive)
        scanner.start()
        assert scanner.first_twenty.wait(120)
        scanner.enough.set()
        scanner.join(60)
        assert archive.stop() == 0
        for command in (
            ["backup", "--config", str(archive.config), str(backup)],
            ["restore", str(backup), "--data", str(restored)],
        ):
            for _ in range(KILLS):
                if not killed(command, choose.uniform(0.3, 2.5)):
                    break
                if (restored / "restoring.json").exists():
                    refused = archive.run("verify", "--data", restored)
                    assert "has not come to its end" in refused.stderr
                elif (restored / "index.sqlite").exists():
                    break  # it was killed when all was done, before it could say so
            else:
                done = archive.run(*command)
                assert done.returncode == 0, done.stderr
        nothing_wrong(archive, restored)
    assert indexed(restored) == set(scanner.acknowledged)


@pytest.mark.crash
def test_a_reindex_that_is_killed_goes_on(tmp_path: Path) -> None:
    """What it had read stays read, and the old index is there until the end."""
    with served(tmp_path / "archive") as archive:
        scanner = Scanner(archive)
        scanner.start()
        assert scanner.first_twenty.wait(120)
        scanner.enough.set()
        scanner.join(60)
        assert archive.stop() == 0
        command = ["reindex", "--config", str(archive.config)]
        for seconds in (0.7, 1.0, 1.3):
            killed(command, seconds)
            assert indexed(archive.data) == set(scanner.acknowledged)
        assert archive.run(*command).returncode == 0
        nothing_wrong(archive, archive.data)
        assert not (archive.data / "reindex.jsonl").exists()
    assert indexed(archive.data) == set(scanner.acknowledged)


def killed(command: list[str], seconds: float) -> bool:
    """Run a command and kill it after so long; False where it had ended well before."""
    started = start_module(PACS, *command, stderr=sys.stderr, environment=os.environ)
    with started as process:
        try:
            assert process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
    return False
