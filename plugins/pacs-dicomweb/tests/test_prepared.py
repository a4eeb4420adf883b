"""Prepared metadata: what is kept and for how long, on each engine."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from pacs_dicomweb.tables import NAME, TABLES, run
from pacs_dicomweb.wado import prepared
from pacs_dicomweb.wado.forgetting import Deletions
from pacs_dicomweb.wado.prepared import PreparedMetadata
from pacs_framework.archive.retrieve import StoredInstance
from pacs_framework.tables import PluginTables, TableStore, new_metadata
from pacs_framework.testing.tables import TableStores

_STUDY = "1.2.3"


@dataclass
class _Log:
    """What was deleted: the number of the last deletion."""

    number: int = 0

    def history(self, _limit: int) -> list[SimpleNamespace]:
        target = SimpleNamespace(study=_STUDY)
        return [SimpleNamespace(number=self.number, target=target)] if self.number else []


@pytest.fixture
def store(pacs_tables: TableStores, pacs_index_url: str) -> TableStore:
    """Without rows."""
    return pacs_tables(TABLES, NAME, index_url=pacs_index_url)


def _kept_by(store: TableStore, *, room: int = 1 << 20, log: _Log | None = None):
    archive = SimpleNamespace(deleting=log or _Log())
    return PreparedMetadata(store, Deletions(archive, store), form="1", room=room)


def _instances(series: str, count: int = 3) -> list[StoredInstance]:
    return [
        StoredInstance(
            sop_class_uid="1.2",
            sop_instance_uid=f"{series}.{number}",
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            storage_key=f"{series}/{number}",
            dataset_offset=0,
            size=10,
        )
        for number in range(count)
    ]


def _make(instances) -> list[bytes]:
    return [b"{%b}" % each.sop_instance_uid.encode() for each in instances]


def _prepare(kept: PreparedMetadata, series: str) -> None:
    preparation = kept.begin()
    instances = _instances(series)
    assert preparation.texts(instances, _make, study=_STUDY) == _make(instances)
    preparation.finish()


def _is_kept(kept: PreparedMetadata, series: str) -> bool:
    made: list[StoredInstance] = []

    def make(instances):
        made.extend(instances)
        return _make(instances)

    instances = _instances(series)
    assert kept.begin().texts(instances, make, study=_STUDY) == _make(instances)
    return not made


def test_a_run_takes_the_place_of_the_one_that_began_alike(store) -> None:
    """As often as it is made."""
    kept = _kept_by(store)
    for count in (2, 3, 2, 4):
        preparation = kept.begin()
        instances = _instances("1.2", count)
        assert preparation.texts(instances, _make, study=_STUDY) == _make(instances)
        preparation.finish()
    with store.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(run)) == 1


def test_what_was_prepared_first_goes_first(store) -> None:
    """As far as the others need its room."""
    _prepare(_kept_by(store), "1.1")
    with store.reading() as connection:
        size = connection.scalar(sa.select(run.c.size))
    kept = _kept_by(store, room=3 * size + size // 2)
    for series in ("1.2", "1.3", "1.4"):
        _prepare(kept, series)
    gone, *others = [_is_kept(kept, series) for series in ("1.1", "1.2", "1.3", "1.4")]
    assert not gone
    assert all(others)


def test_how_much_is_kept_is_told_by_an_index(store) -> None:
    """To get past a body, SQLite reads all of its pages: with a gigabyte kept, all of that."""
    if store.is_postgresql:
        pytest.skip("PostgreSQL has long bodies elsewhere")
    with store.reading() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {prepared.HELD}").all()
    assert "USING COVERING INDEX ix_dicomweb_metadata_made_size" in str(plan)


def test_a_deletion_that_came_meanwhile_keeps_nothing(store) -> None:
    """What was looked up before may be what was deleted."""
    log = _Log(number=1)
    kept = _kept_by(store, log=log)
    preparation = kept.begin()
    preparation.texts(_instances("1.2"), _make, study=_STUDY)
    log.number = 2
    preparation.finish()
    assert not _is_kept(kept, "1.2")


@pytest.mark.parametrize("missing", ["compress", "decompress"])
def test_a_processor_without_the_fast_compressor_reads_the_same(
    store, monkeypatch, missing
) -> None:
    """An archive may move to another machine, and nodes may differ."""
    monkeypatch.setattr(prepared, missing, getattr(zlib, missing))
    kept = _kept_by(store)
    _prepare(kept, "1.2")
    assert _is_kept(kept, "1.2")


def test_tables_of_version_1_are_upgraded(pacs_tables: TableStores, pacs_index_url: str) -> None:
    """To what new ones are; what was prepared is prepared anew."""
    old = new_metadata()
    for table in TABLES.metadata.tables.values():
        table.to_metadata(old)
    before = old.tables[run.name]
    before.indexes = {each for each in before.indexes if "size" not in each.columns}
    sa.Index(None, before.c.made)
    _prepare(_kept_by(pacs_tables(PluginTables(metadata=old), NAME, index_url=pacs_index_url)), "1")
    store = pacs_tables(TABLES, NAME, index_url=pacs_index_url)
    with store.reading() as connection:
        inspector = sa.inspect(connection)
        for table in TABLES.metadata.tables.values():
            found = {
                each["name"]: each["column_names"] for each in inspector.get_indexes(table.name)
            }
            assert found == {each.name: each.columns.keys() for each in table.indexes}
    kept = _kept_by(store)
    assert not _is_kept(kept, "1")
    _prepare(kept, "1")
    assert _is_kept(kept, "1")
