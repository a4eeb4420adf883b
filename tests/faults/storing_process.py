"""Stores instances from four threads until it is killed; prints each that was acknowledged.

Run as ``python storing_process.py INDEX_URL DATA ROUND TOGETHER``. Every fifth instance of a thread
is stored under one UID again and again with new content; some are larger than the spool. The last
two threads commit TOGETHER instances at a time.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import structlog
from pydicom import Dataset

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.ingest import StoreOutcome
from pacs_framework.archive.recovery import recover
from pacs_framework.index.database import open_database
from pacs_framework.index.entry import DuplicatePolicy
from pacs_framework.testing.arrivals import ORIGIN, announced, encoded, mr_image, send
from pacs_storage_filesystem.naming import Naming
from pacs_storage_filesystem.packing import open_backend

SPOOL = 20_000
PACK_BELOW = 10_000  # most instances go to packs, some to files


def main(url: str, data: Path, turn: int, together: int) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    archive = Archive(
        database=open_database(url),
        storage=open_backend(
            data / "objects", naming=Naming.HIERARCHICAL, reserve=0, pack_below=PACK_BELOW
        ),
        data=data,
        duplicates=DuplicatePolicy.REPLACE,
        spool=SPOOL,
    )
    recover(archive)
    threads = [
        threading.Thread(target=store, args=(archive, turn, n, together if n > 1 else 1))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def store(archive: Archive, turn: int, thread: int, together: int) -> None:
    for first in count(1, together):
        arriving = {}
        for number in range(first, first + together):
            again = number % 5 == 0
            uid = f"1.2.3.{thread}" if again else f"1.2.3.{thread}.{turn}.{number}"
            arriving[uid] = mr_image(
                SOPInstanceUID=uid,
                SeriesInstanceUID=f"1.2.{thread}.{number % 3 + 1}",
                InstanceNumber=turn * 100_000 + number,
                pixels=os.urandom(2 * SPOOL if number % 7 == 0 else 5000),
            )
        for outcome in commit(archive, arriving):
            assert outcome.status == 0
        acknowledged = "".join(f"{uid} {each.InstanceNumber}\n" for uid, each in arriving.items())
        os.write(sys.stdout.fileno(), acknowledged.encode())


def commit(archive: Archive, arriving: dict[str, Dataset]) -> list[StoreOutcome]:
    """One as it comes over the wire, several by one commit."""
    if len(arriving) == 1:
        [(uid, image)] = arriving.items()
        return [send(archive, encoded(image), announced(sop_instance_uid=uid), piece=16_384)]
    with ExitStack() as ending:
        receptions = []
        for uid, image in arriving.items():
            reception = archive.receive(ORIGIN, announced(sop_instance_uid=uid))
            ending.enter_context(reception)
            reception.write(encoded(image))
            receptions.append(reception)
        outcomes = archive.commit_together(receptions)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, StoreOutcome)]


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
