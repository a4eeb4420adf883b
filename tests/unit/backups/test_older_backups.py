"""A backup of an older version is restored into tables of that version, and migrated."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from saved import Clinic, Other

from pacs_framework.backups.dumped import dump
from pacs_framework.backups.folder import BackupFolder, Group
from pacs_framework.errors import BackupError
from pacs_framework.index.database import open_database
from pacs_framework.index.migrate import NEWEST
from pacs_framework.index.upgrade import MIGRATIONS

OLDEST = "kernel0001"


@pytest.fixture
def pacs_index_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'index.db'}"


def as_it_was(clinic: Clinic, url: str, revision: str) -> None:
    """Put the index of ``clinic`` into tables of an older revision."""
    old = open_database(url, migrated=False)
    with closing(old), old.writing() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        metadata = sa.MetaData()
        metadata.reflect(connection)
        with clinic.database.reading() as now:
            for table in metadata.sorted_tables:
                if table.name == "alembic_version":
                    continue
                columns = [sa.column(column.name, sa.types.NullType()) for column in table.columns]
                wanted = sa.select(*columns).select_from(sa.table(table.name))
                for row in now.execute(wanted).mappings():
                    connection.execute(
                        sa.text(
                            f"INSERT INTO {table.name} ({', '.join(map(str, row))}) VALUES "
                            f"({', '.join(f':{name}' for name in row)})"
                        ),
                        dict(row),
                    )


def written_by(clinic: Clinic, url: str, revision: str) -> None:
    """Make the newest snapshot one that an older version wrote."""
    snapshot = BackupFolder(clinic.target).snapshot(None)
    as_it_was(clinic, url, revision)
    (snapshot.folder / "manifest.json").unlink()
    (snapshot.folder / "index.jsonl.gz").unlink()
    old = open_database(url, migrated=False)
    with closing(old), old.reading() as connection:
        metadata = sa.MetaData()
        metadata.reflect(connection)
        tables = [t for t in metadata.sorted_tables if t.name != "alembic_version"]
        path = snapshot.folder / "index.jsonl.gz"
        written = dump(connection, tables, version=[revision], path=path)
    index = snapshot.index
    for name, value in (("version", [revision]), ("written", written)):
        object.__setattr__(index, name, value)
    assert isinstance(index, Group)
    snapshot.write()


def test_tables_of_the_first_version_are_migrated(clinic: Clinic, tmp_path: Path) -> None:
    """As those of an archive that starts with a newer version."""
    assert OLDEST not in NEWEST
    clinic.store(1, 2)
    clinic.back_up()
    written_by(clinic, f"sqlite:///{tmp_path / 'old.db'}", OLDEST)
    other = Other(url=f"sqlite:///{tmp_path / 'new.db'}", data=tmp_path / "another")
    assert other.restore(clinic).instances == 2
    assert other.findings() == []
    with closing(open_database(other.url)) as database, database.reading() as connection:
        revisions = set(connection.scalars(sa.text("SELECT version_num FROM alembic_version")))
    assert revisions == NEWEST


def test_a_newer_index_is_refused(clinic: Clinic, tmp_path: Path) -> None:
    """It has what this version would lose."""
    clinic.store(1)
    snapshot = clinic.back_up().snapshot
    (snapshot.folder / "manifest.json").unlink()
    object.__setattr__(snapshot.index, "version", ["kernel9999"])
    snapshot.write()
    other = Other(url=f"sqlite:///{tmp_path / 'new.db'}", data=tmp_path / "another")
    with pytest.raises(BackupError, match="'kernel9999', which this version"):
        other.restore(clinic)
