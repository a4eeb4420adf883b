"""Stores instances from four threads until it is killed; prints each that was acknowledged.

Run as ``python storing_process.py INDEX_URL DATA ROUND``. Every fifth instance of a thread is
stored under one UID again and again with new content; some are larger than the spool.
"""

from __future__ import annotations

import os
import sys
import threading
from itertools import count
from pathlib import Path

import structlog

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.recovery import recover
from pacs_framework.index.database import open_database
from pacs_framework.index.entry import DuplicatePolicy
from pacs_framework.testing.arrivals import announced, encoded, mr_image, send
from pacs_storage_filesystem.naming import Naming
from pacs_storage_filesystem.packing import open_backend

SPOOL = 20_000
PACK_BELOW = 10_000  # most instances go to packs, some to files


def main(url: str, data: Path, turn: int) -> None:
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
    threads = [threading.Thread(target=store, args=(archive, turn, n)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def store(archive: Archive, turn: int, thread: int) -> None:
    for number in count(1):
        again = number % 5 == 0
        uid = f"1.2.3.{thread}" if again else f"1.2.3.{thread}.{turn}.{number}"
        image = mr_image(
            SOPInstanceUID=uid,
            SeriesInstanceUID=f"1.2.{thread}.{number % 3 + 1}",
            InstanceNumber=turn * 100_000 + number,
            pixels=os.urandom(2 * SPOOL if number % 7 == 0 else 5000),
        )
        outcome = send(archive, encoded(image), announced(sop_instance_uid=uid), piece=16_384)
        assert outcome.status == 0
        os.write(sys.stdout.fileno(), f"{uid} {image.InstanceNumber}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
