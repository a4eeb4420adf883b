"""Several processes on one index: each waits for its turn, none fails, none is skipped."""

from __future__ import annotations

import subprocess
import sys

import sqlalchemy as sa

from pacs_framework.index import schema
from pacs_framework.index.changes import ChangeReader
from pacs_framework.index.database import Database

PROCESSES, EACH = 3, 15

SCRIPT = """
import datetime, sys
from pacs_framework.archive.incoming import Origin
from pacs_framework.index.database import open_database
from pacs_framework.index.entry import DuplicatePolicy, Entry, index_values
from pacs_framework.index.writer import IndexWriter

url, process, each = sys.argv[1], sys.argv[2], int(sys.argv[3])
database = open_database(url)
writer = IndexWriter(database)
for number in range(each):
    uids = {"StudyInstanceUID": "1.2", "SeriesInstanceUID": f"1.2.{number % 3}"}
    uids |= {"SOPInstanceUID": f"1.2.3.{process}.{number}", "PatientID": "P1"}
    writer.store(Entry(
        attributes=index_values(uids), transfer_syntax_uid="1.2", storage_key=f"{process}/{number}",
        version=f"{number}", dataset_offset=0, size=0, prefix_digest=b"", dataset_digest=b"",
        received=datetime.datetime.now(datetime.UTC), origin=Origin(door="test"),
        duplicates=DuplicatePolicy.IGNORE))
writer.close()
database.close()
"""


def test_processes_take_turns_without_an_error(database: Database, index_url: str) -> None:
    """No "database is locked"; one patient, one study, and a feed in the order of the commits."""
    reader = ChangeReader(database)
    running = [
        subprocess.Popen([sys.executable, "-c", SCRIPT, index_url, str(process), str(EACH)])
        for process in range(PROCESSES)
    ]
    seen: list[int] = []
    while len(seen) < PROCESSES * EACH and (
        any(process.poll() is None for process in running) or reader.last() > len(seen)
    ):
        seen += [change.sequence for change in reader.after(len(seen), 1000)]
    assert [process.wait() for process in running] == [0] * PROCESSES
    assert seen == list(range(1, PROCESSES * EACH + 1))
    with database.reading() as connection:
        counted = {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in (schema.patient, schema.study, schema.series, schema.instance)
        }
    assert counted == {"patient": 1, "study": 1, "series": 3, "instance": PROCESSES * EACH}
