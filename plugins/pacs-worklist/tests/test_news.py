"""Plugins hear of steps: at least once, also of what commands write, and across a kill."""

from __future__ import annotations

import datetime as dt
import json
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydicom import Dataset

from pacs_framework import hookimpl
from pacs_framework.dicom.packed import pack
from pacs_framework.tables import PluginTables, TableStore, new_metadata, now
from pacs_framework.testing.distributions import install_distribution
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.postgres import PrivatePostgres
from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.testing.running import RunningArchive
from pacs_framework.testing.tables import TableStores
from pacs_worklist import plugin
from pacs_worklist.api import Performed, State, Worklist
from pacs_worklist.items import Item, columns_of, completed
from pacs_worklist.news import News, hearing
from pacs_worklist.tables import TABLES, news, station
from pacs_worklist.tables import item as item_table

PATIENCE = 60.0
Make = Callable[..., Dataset]


@dataclass
class Listener:
    """A plugin that hears; the first ``failures`` calls raise."""

    failures: int = 0
    heard: queue.Queue[Item] = field(default_factory=queue.Queue)

    @hookimpl
    def on_scheduled_step(self, step: Item) -> None:
        """Keep a step."""
        if self.failures:
            self.failures -= 1
            raise ValueError("not now")
        self.heard.put(step)

    def next(self) -> Item:
        """What is heard next."""
        return self.heard.get(timeout=PATIENCE)


def site(archives: Archives, listener: Listener, **more: Any) -> RunningArchive:
    """An archive with the worklist, and one that listens."""
    return archives({"worklist": plugin, "listener": listener}, **more)


def worklist_of(running: RunningArchive) -> Worklist:
    """As commands and other plugins have it."""
    return Worklist(running.archive.tables("worklist"))


def waiting(store: TableStore) -> list[tuple[int, str]]:
    """Who is still to hear of which step."""
    with store.reading() as connection:
        rows = connection.execute(sa.select(news.c.item_fk, news.c.receiver).order_by(news.c.id))
        return [tuple(row) for row in rows]


@pytest.fixture
def store(pacs_tables: TableStores, pacs_index_url: str) -> TableStore:
    """The tables, once on each engine."""
    return pacs_tables(TABLES, "worklist", index_url=pacs_index_url)


# --- what is told ---------------------------------------------------------------------------------


def test_a_step_is_told_when_it_is_planned_changed_and_called_off(
    pacs_archive: Archives, item: Make
) -> None:
    """With its state, and as it stands then."""
    listener = Listener()
    worklist = worklist_of(site(pacs_archive, listener))
    planned = worklist.put(item())
    assert (listener.next().id, planned.state) == (planned.id, State.SCHEDULED)
    worklist.put(item(ScheduledProcedureStepStartTime="1130"))
    assert listener.next().text("ScheduledProcedureStepStartTime") == "1130"
    attributes = Dataset()
    attributes.PatientID = "P9"
    worklist.change_patient("P1", attributes)
    assert listener.next().text("PatientID") == "P9"
    worklist.cancel_order("A1")
    assert listener.next().state is State.DISCONTINUED
    assert listener.heard.empty()


def test_what_modalities_report_is_not_told(store: TableStore, item: Make) -> None:
    """That is told by who takes it, at a hundred a second; a change by hand is."""
    News(store).listen(["listener"])
    worklist = Worklist(store)
    step = worklist.put(item())
    with store.begin() as connection:
        connection.execute(sa.delete(news))
    begun = Performed(
        state=State.STARTED, scheduled_procedure_step_id="S1", study_instance_uid="1.2.3"
    )
    worklist.perform([begun])
    assert worklist.get(step.id).state is State.STARTED
    assert waiting(store) == []
    worklist.change_state(step.id, State.COMPLETED)
    assert waiting(store) == [(step.id, "listener")]


def test_what_is_not_taken_is_told_again(pacs_archive: Archives, item: Make) -> None:
    """And the one beside it hears it at once."""
    listener, other = Listener(failures=1), Listener()
    plugins = {"worklist": plugin, "listener": listener, "other": other}
    running = pacs_archive(plugins)
    worklist_of(running).put(item())
    assert other.next().id == listener.next().id == 1
    assert listener.failures == 0


def test_where_nobody_listens_nothing_is_kept(pacs_archive: Archives, item: Make) -> None:
    """Nor for one that was there at the last start, and is gone."""
    running = pacs_archive({"worklist": plugin})
    store = running.archive.tables("worklist")
    News(store).listen(["gone"])
    worklist_of(running).put(item())
    assert waiting(store) == [(1, "gone")]
    News(store).listen([])
    assert waiting(store) == []
    worklist_of(running).put(item())
    assert waiting(store) == []


@pytest.mark.postgresql
def test_a_node_without_the_plugin_leaves_its_news_to_the_nodes_that_have_it(
    pacs_archive: Archives, pacs_postgres: PrivatePostgres, item: Make
) -> None:
    """Whether another plugin listens there or none; and while no node runs that has it."""
    settings = {"index": {"url": pacs_postgres.new_database()}}
    hears, other = Listener(), Listener()
    pacs_archive({"worklist": plugin, "hears": hears}, settings=settings).stop()
    deaf = pacs_archive({"worklist": plugin}, settings=settings)
    beside = pacs_archive({"worklist": plugin, "other": other}, settings=settings)
    assert {worklist_of(node).put(item()).id for node in (deaf, beside)} == {1}
    assert other.next().id == 1
    assert {receiver for _, receiver in waiting(deaf.archive.tables("worklist"))} >= {"hears"}
    pacs_archive({"worklist": plugin, "hears": hears}, settings=settings)
    assert hears.next().id == 1


@pytest.mark.postgresql
def test_what_no_node_has_taken_for_a_month_goes(
    pacs_tables: TableStores, pacs_postgres: PrivatePostgres, item: Make
) -> None:
    """The plugin is nowhere any more, and nothing is kept for it from then on."""
    store = pacs_tables(TABLES, "worklist", index_url=pacs_postgres.new_database())
    News(store).listen(["gone", "late"])
    Worklist(store).put(item())
    News(store).listen([])
    assert sorted(waiting(store)) == [(1, "gone"), (1, "late")]
    ago = now() - dt.timedelta(days=31)
    with store.begin() as connection:
        connection.execute(sa.update(news).where(news.c.receiver == "gone").values(due=ago))
    News(store).listen([])
    assert waiting(store) == [(1, "late")]
    Worklist(store).put(item(ScheduledProcedureStepStartTime="1130"))
    assert waiting(store) == [(1, "late")]


# --- what waits -----------------------------------------------------------------------------------


def test_a_step_waits_once_however_often_it_changes(store: TableStore, item: Make) -> None:
    """But while it is being told, the next change is kept, and comes behind."""
    found = News(store)
    found.listen(["a", "b"])
    found.listen(["b", "a"])
    for hour in ("09", "10", "11"):
        Worklist(store).put(item(ScheduledProcedureStepStartTime=hour))
    assert sorted(waiting(store)) == [(1, "a"), (1, "b")]
    until = now() + dt.timedelta(minutes=1)
    (one, other) = found.claim("me", until, 9)
    for hour in ("12", "13"):
        Worklist(store).put(item(ScheduledProcedureStepStartTime=hour))
    assert sorted(waiting(store)) == [(1, "a"), (1, "a"), (1, "b"), (1, "b")]
    assert not found.claim("me", until, 9)
    found.done(one.id, "me")
    (behind,) = found.claim("me", until, 9)
    assert behind.receiver == one.receiver
    found.release("me")
    assert {row.receiver for row in found.claim("you", until, 9)} == {
        behind.receiver,
        other.receiver,
    }


def test_a_step_that_is_refused_is_not_told(store: TableStore, item: Make) -> None:
    """Whatever ends a transaction takes its news with it."""
    News(store).listen(["listener"])
    worklist = Worklist(store)
    worklist.put(item())
    with store.begin() as connection:
        connection.execute(sa.delete(news))

    def fail(_: Dataset) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        worklist.update(1, fail)
    assert waiting(store) == []


def test_who_waits_is_woken(store: TableStore, item: Make) -> None:
    """By the transaction on PostgreSQL, by a pipe on SQLite; from another thread."""
    News(store).listen(["listener"])
    bell = hearing(store)
    try:
        writer = threading.Thread(target=Worklist(store).put, args=(item(),))
        writer.start()
        assert bell in bell.wait(PATIENCE)
        writer.join()
    finally:
        bell.close()


@pytest.mark.postgresql
def test_a_step_that_is_planned_at_one_node_is_told_once(
    pacs_archive: Archives, pacs_postgres: PrivatePostgres, item: Make
) -> None:
    """By either of them; each step of many is heard by somebody."""
    listener = Listener()
    settings = {"index": {"url": pacs_postgres.new_database()}}
    nodes = [site(pacs_archive, listener, settings=settings) for _ in range(2)]
    writers = [
        threading.Thread(
            target=worklist_of(nodes[n % 2]).put,
            args=(item(ScheduledProcedureStepID=f"S{n}"),),
        )
        for n in range(12)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {listener.next().id for _ in writers} == set(range(1, 13))
    assert listener.heard.empty()


# --- older tables ---------------------------------------------------------------------------------


def test_tables_of_version_1_are_upgraded(
    pacs_tables: TableStores, pacs_index_url: str, item: Make
) -> None:
    """To what new ones are; the steps stay, and are told from then on."""
    old = new_metadata()
    for table in (item_table, station):
        table.to_metadata(old)
    before = pacs_tables(PluginTables(metadata=old), "worklist", index_url=pacs_index_url)
    kept = completed(item())
    facts = {"order_key": "one", "state": "scheduled", "dataset": pack(kept), "changed": now()}
    with before.begin() as connection:
        connection.execute(sa.insert(item_table).values({**columns_of(kept), **facts}))
    store = pacs_tables(TABLES, "worklist", index_url=pacs_index_url)
    assert [step.text("PatientID") for step in Worklist(store).find()] == ["P1"]
    News(store).listen(["listener"])
    Worklist(store).change_state(1, State.DISCONTINUED)
    assert waiting(store) == [(1, "listener")]
    with store.reading() as connection:
        inspector = sa.inspect(connection)
        for table in TABLES.metadata.tables.values():
            columns = {
                (each["name"], each["nullable"]) for each in inspector.get_columns(table.name)
            }
            assert columns == {(column.name, column.nullable) for column in table.c}
            indexes = {tuple(each["column_names"]) for each in inspector.get_indexes(table.name)}
            assert indexes >= {tuple(each.columns.keys()) for each in table.indexes}


# --- other processes ------------------------------------------------------------------------------

HEARING = """
import pathlib
from pacs_framework import hookimpl

@hookimpl
def on_scheduled_step(step, archive):
    trap = archive.data / "trap"
    if trap.exists():
        with trap.open("w") as pipe:
            pipe.write("here")
        with trap.open() as pipe:
            pipe.read()
    with (archive.data / "heard").open("a") as file:
        file.write(f"{step.id} {step.state}\\n")
    with (archive.data / "heard.pipe").open("w") as pipe:
        pipe.write("heard")
"""


def planned(archive: ServedArchive, number: str, *more: str) -> None:
    """A step, by a command beside the archive or without one."""
    patient = ("--patient-id", "P1", "--patient-name", "Doe^John", "--order", number)
    place = ("--modality", "CT", "--station", "CT1", "--start", "20991121T1030")
    done = archive.run("worklist", "add", "--config", archive.config, *patient, *place, *more)
    assert done.returncode == 0, done.stderr


@pytest.mark.crash
def test_a_kill_while_a_step_is_told_tells_it_again(tmp_path: Path) -> None:
    """And what commands plan while no archive runs."""
    install_distribution(tmp_path / "site", "site-hearing", {"hearing": HEARING})
    data = tmp_path / "archive" / "data"
    data.mkdir(parents=True)
    heard = data / "heard"
    for pipe in ("trap", "heard.pipe"):
        os.mkfifo(data / pipe)
    with served(tmp_path / "archive", plugins=tmp_path / "site") as archive:
        planned(archive, "one")
        assert (data / "trap").read_text() == "here"  # it waits in the hook now
        archive.cut_power()
    assert not heard.exists()
    (data / "trap").unlink()
    planned(archive, "two")
    with served(tmp_path / "archive", plugins=tmp_path / "site") as archive:
        for _ in range(2):
            assert (data / "heard.pipe").read_text() == "heard"
        assert heard.read_text().splitlines() == ["1 scheduled", "2 scheduled"]
        listed = archive.run("worklist", "list", "--config", archive.config, "--json")
        assert len(json.loads(listed.stdout)) == 2
