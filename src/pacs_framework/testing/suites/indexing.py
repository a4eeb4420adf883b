"""A process that stores entries in an index until it is done or killed, and tells each.

``python -m pacs_framework.testing.suites.indexing URL FIRST LAST MODE`` prints the number of each
entry once it is committed, synced in the mode ``synced``; in the mode ``late`` they are committed
without a sync, and then synced together before the first is told.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Literal

from pacs_framework.index.database import open_database
from pacs_framework.index.writer import IndexWriter
from pacs_framework.testing.entries import make_entry

__all__ = ["Mode", "start_indexing"]

Mode = Literal["synced", "late"]


def start_indexing(url: str, first: int, last: int, mode: Mode = "synced") -> subprocess.Popen[str]:
    """Start the process; numbers of entries come on its standard output, one to a line."""
    command = [sys.executable, "-m", __name__, url, str(first), str(last), mode]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(  # noqa: S603 - our own program
        command, stdout=subprocess.PIPE, text=True, env=environment
    )


def _run(url: str, first: int, last: int, mode: str) -> None:
    database = open_database(url)
    writer = IndexWriter(database)
    numbers = range(first, last + 1)
    for number in numbers:
        series = f"1.2.3.{number % 3}"
        writer.store(make_entry(number, SeriesInstanceUID=series), synced=mode == "synced")
        if mode == "synced":
            _tell(number)
    if mode == "late":
        writer.sync()
        for number in numbers:
            _tell(number)
        sys.stdin.read()  # until it is killed
    writer.close()
    database.close()


def _tell(number: int) -> None:
    os.write(sys.stdout.fileno(), f"{number}\n".encode())


if __name__ == "__main__":
    _run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
