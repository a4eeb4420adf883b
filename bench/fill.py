"""Indexes of many studies for the C-FIND rows, made without objects.

The entries go through `Recorder.record`, the code that writes the index for every instance that is
stored, 64 at a time as the group commit does. Three things differ from ingest, so that 1.3 million
studies take minutes and not hours: no object and no data set stands behind an entry, many batches
share one transaction, and no changes are announced (as in ``pacs reindex``).

An archive grows by days: there are always 100 studies a day, so a query for one day has as many
matches in a small archive as in a large one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

import pacs_framework
from bench.data import Uids
from pacs_framework.archive.incoming import Origin
from pacs_framework.index import schema
from pacs_framework.index.database import open_database
from pacs_framework.index.entry import DuplicatePolicy, Entry, index_values
from pacs_framework.index.recorder import LARGEST_BATCH, Recorder
from pacs_framework.index.session import WriteSession

__all__ = [
    "IMAGES_OF_LARGE",
    "SERIES_OF_LARGE",
    "STUDIES_A_DAY",
    "copy_to_postgresql",
    "day_of",
    "entries",
    "fill",
    "filled_index",
    "is_cached",
    "is_large",
    "series_uid",
    "study_values",
]

STUDIES_A_DAY = 100
SERIES_OF_LARGE, IMAGES_OF_LARGE = 4, 50
_EVERY_LARGE = 500
_BATCHES_A_TRANSACTION = 100
_FIRST_DAY = dt.date(1988, 1, 1)
_UIDS = Uids("filled index")
_STRIDE = 1000
_ORIGIN = Origin(door="bench")
_RECEIVED = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)

Progress = Callable[[int, int], None]


def is_large(study: int) -> bool:
    """Whether a study has 4 series of 50 images; the others have one image."""
    return study % _EVERY_LARGE == 0


def day_of(study: int) -> str:
    """The Study Date of a study."""
    return (_FIRST_DAY + dt.timedelta(days=study // STUDIES_A_DAY)).strftime("%Y%m%d")


def study_values(study: int) -> dict[str, str]:
    """The attributes of a study and its patient; two studies in a row are of one patient."""
    patient = study // 2
    second = study % STUDIES_A_DAY * 600 % 86400
    return {
        "PatientID": f"PID{patient:08d}",
        "PatientName": f"FAMILY{patient:08d}^GIVEN{patient % 97}",
        "PatientBirthDate": f"{1930 + patient % 80}0{patient % 9 + 1}1{patient % 10}",
        "PatientSex": "MF"[patient % 2],
        "StudyInstanceUID": _UIDS[study * _STRIDE],
        "StudyID": str(study),
        "StudyDate": day_of(study),
        "StudyTime": f"{second // 3600:02d}{second // 60 % 60:02d}00",
        "AccessionNumber": f"ACC{study:09d}",
        "ReferringPhysicianName": f"REFERRER{study % 50}^ANNA",
        "StudyDescription": "Head routine",
    }


def series_uid(study: int, series: int) -> str:
    """The Series Instance UID of one series."""
    return _UIDS[study * _STRIDE + 1 + series]


def entries(studies: range) -> Iterator[Entry]:
    """The entries of ``studies``, one for each image."""
    for study in studies:
        values = study_values(study)
        modality = ("CT", "MR")[study % 2]
        series_count, images = (SERIES_OF_LARGE, IMAGES_OF_LARGE) if is_large(study) else (1, 1)
        for series in range(series_count):
            values["SeriesInstanceUID"] = series_uid(study, series)
            values["SeriesNumber"] = str(series + 1)
            values["Modality"] = modality
            values["SeriesDescription"] = "Axial 1 mm"
            for image in range(images):
                yield _entry(study, values, 10 + series * 100 + image, image)


def _entry(study: int, values: dict[str, str], number: int, image: int) -> Entry:
    uid = _UIDS[study * _STRIDE + number]
    digest = hashlib.sha256(uid.encode()).digest()
    return Entry(
        attributes=index_values(
            {
                **values,
                "SOPInstanceUID": uid,
                "SOPClassUID": (CTImageStorage, MRImageStorage)[study % 2],
                "InstanceNumber": str(image + 1),
            }
        ),
        transfer_syntax_uid=ExplicitVRLittleEndian,
        storage_key=f"bench/{uid}.dcm",
        version=f"{study * _STRIDE + number:020d}",
        dataset_offset=400,
        size=10_000,
        prefix_digest=digest,
        dataset_digest=digest,
        received=_RECEIVED,
        origin=_ORIGIN,
        duplicates=DuplicatePolicy.IGNORE,
    )


def fill(url: str, studies: int, progress: Progress) -> None:
    """Make an index of ``studies`` studies at ``url``, which must be empty."""
    database = open_database(url)
    try:
        session, recorder = WriteSession(database), Recorder(database.dialect)
        made = entries(range(studies))
        while batches := _batches(made):
            with session.transaction() as cursor:
                for batch in batches:
                    recorder.record(cursor, batch, announce=False)
            progress(int(batches[-1][-1].attributes["StudyID"]) + 1, studies)
        session.close()
        if not database.is_postgresql:
            _finish_sqlite(database.engine)
    finally:
        database.close()


def _batches(made: Iterator[Entry]) -> list[list[Entry]]:
    some = list(islice(made, LARGEST_BATCH * _BATCHES_A_TRANSACTION))
    return [some[n : n + LARGEST_BATCH] for n in range(0, len(some), LARGEST_BATCH)]


def _finish_sqlite(engine: sa.Engine) -> None:
    """Bring everything into the one file, to be copied."""
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _fingerprint() -> str:
    """What the content of a filled index depends on: the code that makes it."""
    root = Path(pacs_framework.__file__).parent
    digest = hashlib.sha256()
    sources = [*(root / "index").rglob("*.py"), root / "dicom" / "matching.py", Path(__file__)]
    for source in sorted(sources):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "pacs-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def is_cached(studies: int) -> bool:
    """Whether `filled_index` has it already."""
    return (_cache() / f"{_fingerprint()}-{studies}.sqlite").exists()


def filled_index(studies: int, progress: Progress) -> Path:
    """An SQLite index of ``studies`` studies, from the cache where it is; not to be written to."""
    cache, fingerprint = _cache(), _fingerprint()
    ready = cache / f"{fingerprint}-{studies}.sqlite"
    if ready.exists():
        return ready
    for old in cache.glob("*.sqlite"):
        if not old.name.startswith(fingerprint):
            old.unlink()
    work = cache / f"work-{os.getpid()}"
    work.mkdir()
    try:
        fill(f"sqlite:///{work / 'index.sqlite'}", studies, progress)
        (work / "index.sqlite").rename(ready)
    finally:
        shutil.rmtree(work)
    return ready


_TABLES: Sequence[sa.Table] = (schema.patient, schema.study, schema.series, schema.instance)


def copy_to_postgresql(source: Path, url: str) -> None:
    """The rows of a filled SQLite index into an empty PostgreSQL one, with COPY."""
    database = open_database(url)
    rows = sa.create_engine(f"sqlite:///{source}")
    try:
        with rows.connect() as reader, database.engine.connect() as writer:
            driver: Any = writer.connection.driver_connection
            for table in _TABLES:
                _copy(reader, driver, table)
            driver.commit()
            driver.autocommit = True
            driver.execute("VACUUM ANALYZE")
    finally:
        rows.dispose()
        database.close()


def _copy(reader: sa.Connection, driver: Any, table: sa.Table) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.c)
    with driver.cursor() as cursor:
        with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
            for row in reader.execution_options(yield_per=5000).execute(sa.select(table)):
                copy.write_row(tuple(row))
        sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
        cursor.execute(f"SELECT setval({sequence}, max(id)) FROM {table.name}")
