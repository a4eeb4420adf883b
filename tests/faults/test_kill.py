"""``kill -9`` in the middle of storing, many times over: nothing acknowledged is ever lost."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
import sqlalchemy as sa

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.recovery import recover
from pacs_framework.archive.verify import verify
from pacs_framework.index import schema
from pacs_framework.index.database import open_database
from pacs_framework.testing.forked import start_module
from pacs_storage_filesystem.naming import Naming
from pacs_storage_filesystem.packing import open_backend

SCRIPT = Path(__file__).with_name("storing_process.py")
ROUNDS = 8
TOGETHER = 4  # instances by one commit, less than a second one of the UID that comes every fifth
PACK_BELOW = 10_000


@pytest.mark.crash
def test_every_acknowledged_instance_is_there_after_any_kill(
    pacs_index_url: str, tmp_path: Path
) -> None:
    """And verification is clean: no orphan, no missing object, no half of anything."""
    data = tmp_path / "data"
    acknowledged: dict[str, int] = {}
    choose = random.Random(20260102)
    for turn in range(1, ROUNDS + 1):
        for uid, number in store_and_kill(pacs_index_url, data, turn, choose.randrange(1, 60)):
            acknowledged[uid] = max(number, acknowledged.get(uid, 0))
        found = after_restart(pacs_index_url, data)
        lost = {u: n for u, n in acknowledged.items() if found.get(u, 0) < n}
        assert lost == {}
    assert len(acknowledged) > ROUNDS


def store_and_kill(
    url: str, data: Path, turn: int, acknowledgements: int
) -> Iterator[tuple[str, int]]:
    """Kill the process after so many acknowledgements; all that it had given until then."""
    command = (str(SCRIPT), url, str(data), str(turn), str(TOGETHER))
    with start_module(*command, stderr=sys.stderr, environment=os.environ) as process:
        output = process.stdout
        assert output is not None
        for _ in range(acknowledgements):
            yield acknowledgement(output.readline())
        process.kill()
        # A line is one write, so the last one is whole.
        yield from map(acknowledgement, rest(output))
        process.wait()


def rest(output: IO[str]) -> Iterator[str]:
    yield from output


def acknowledgement(line: str) -> tuple[str, int]:
    uid, number = line.split()
    return uid, int(number)


def after_restart(url: str, data: Path) -> dict[str, int]:
    """Start as the archive starts, verify all of it, stop; what the index holds."""
    database = open_database(url)
    storage = open_backend(
        data / "objects", naming=Naming.HIERARCHICAL, reserve=0, pack_below=PACK_BELOW
    )
    archive = Archive(database=database, storage=storage, data=data)
    recover(archive)
    assert list(verify(archive)) == []
    assert list((data / "objects" / ".incoming").glob("*/*")) == []
    with database.reading() as connection:
        rows = connection.execute(
            sa.select(schema.instance.c.sop_instance_uid, schema.instance.c.instance_number)
        )
        found = {row[0]: int(row[1]) for row in rows}
    archive.close()
    storage.close()
    database.close()
    assert list((data / "journal").iterdir()) == []
    return found
