"""Stores studies and deletes them again until it is killed, or kills itself at one step.

Run as ``python deleting_process.py INDEX_URL DATA ROUND [STEP]``. Without a step, two threads store
and delete studies of two instances and tell each time what they are about to do and what was
acknowledged. With a step of `STEPS` it stores one study, and is killed there while it deletes it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from itertools import count
from pathlib import Path

import structlog

from pacs_framework.archive import deleting
from pacs_framework.archive.archive import Archive
from pacs_framework.archive.deletions import Target
from pacs_framework.archive.recovery import recover
from pacs_framework.index.database import open_database
from pacs_framework.index.removing import Removing
from pacs_framework.testing.arrivals import announced, encoded, mr_image, send
from pacs_storage_filesystem.naming import Naming
from pacs_storage_filesystem.packing import PackingBackend, open_backend

PACK_BELOW = 10_000
STEPS = ("rows", "commit", "object", "objects", "notes")
SIZES = (2_000, 20_000)  # bytes of pixels: one instance of a study is packed, the other a file


def opened(url: str, data: Path) -> Archive:
    return Archive(
        database=open_database(url),
        storage=open_backend(
            data / "objects", naming=Naming.HIERARCHICAL, reserve=0, pack_below=PACK_BELOW
        ),
        data=data,
    )


def say(text: str) -> None:
    os.write(sys.stdout.fileno(), f"{text}\n".encode())


def store(archive: Archive, study: str) -> None:
    for number, size in enumerate(SIZES, start=1):
        uid = f"{study}.1.{number}"
        image = mr_image(
            SOPInstanceUID=uid,
            StudyInstanceUID=study,
            SeriesInstanceUID=f"{study}.1",
            PatientID=study,
            pixels=os.urandom(size),
        )
        assert send(archive, encoded(image), announced(sop_instance_uid=uid)).status == 0


def delete(archive: Archive, study: str) -> None:
    archive.deleting.delete(Target(study=study), by="test", reason="test")


def store_and_delete(archive: Archive, turn: int, thread: int) -> None:
    for number in count(1):
        study = f"1.2.{turn}.{thread}.{number}"
        store(archive, study)
        say(f"stored {study}")
        if number % 3:
            say(f"deleting {study}")
            delete(archive, study)
            say(f"deleted {study}")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(step: str) -> None:
    """Be killed while a study is deleted: after the rows are gone and before the commit, right
    after that, after the first object, after all of them, after their notes.
    """
    if step == "rows":
        remove = Removing.delete

        def and_die(removing: Removing, order: object) -> object:
            remove(removing, order)
            return die()

        Removing.delete = and_die
    elif step == "commit":
        deleting._tell = lambda _deletion: die()
    elif step == "object":
        erase = PackingBackend.delete

        def erase_and_die(backend: PackingBackend, key: str) -> None:
            erase(backend, key)
            die()

        PackingBackend.delete = erase_and_die
    elif step == "objects":
        deleting.forget_obsolete = lambda _connection, _keys: die()


def main(url: str, data: Path, turn: int, step: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    archive = opened(url, data)
    recover(archive)
    if step:
        store(archive, "1.2.9.1")
        store(archive, "1.2.9.2")
        die_at(step)
        delete(archive, "1.2.9.1")
        die()
    work = (threading.Thread(target=store_and_delete, args=(archive, turn, n)) for n in range(2))
    threads = list(work)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), "".join(sys.argv[4:]))
