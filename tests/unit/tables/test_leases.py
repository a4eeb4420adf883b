"""What a lease promises: one holder at a time, on both engines, also when one of them is killed."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import textwrap
from itertools import chain

import pytest
import sqlalchemy as sa

from pacs_framework.tables import (
    TEXT,
    Leases,
    Pauses,
    PluginTables,
    lease_columns,
    new_metadata,
    now,
)
from pacs_framework.testing.threads import run_in_threads

LATER = dt.timedelta(minutes=5)
SOON = dt.timedelta(milliseconds=30)

_metadata = new_metadata()
errand = sa.Table(
    "errands_errand",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("peer", TEXT, nullable=False),
    *lease_columns(),
    sa.Index(None, "due"),
)
TABLES = PluginTables(metadata=_metadata)
_c = errand.c


@pytest.fixture
def store(pacs_tables, pacs_index_url):
    return pacs_tables(TABLES, "errands", index_url=pacs_index_url)


@pytest.fixture
def leases(store):
    """Errands in any order."""
    return Leases(store, errand, _c.id)


@pytest.fixture
def lanes(store):
    """Errands of which each peer is told one after the other."""
    return Leases(store, errand, _c.id, lane=[_c.peer])


def add(store, *rows: tuple[int, str], due: dt.datetime | None = None) -> None:
    values = [{"id": n, "peer": peer, "due": due or now()} for n, peer in rows]
    with store.begin() as connection:
        connection.execute(sa.insert(errand), values)


def ids(rows) -> list[int]:
    return [row.id for row in rows]


def until() -> dt.datetime:
    return now() + LATER


def test_what_is_claimed_is_nobody_elses_while_its_lease_lasts(store, leases):
    add(store, (1, "A"))
    assert ids(leases.claim("one", until())) == [1]
    assert ids(leases.claim("two", until())) == []
    assert leases.owned(1, "one") is not None
    assert leases.owned(1, "two") is None


def test_what_is_not_due_is_not_handed_out(store, leases):
    add(store, (1, "A"), due=until())
    assert ids(leases.claim("one", until())) == []


def test_the_row_that_is_due_for_longest_comes_first(store, leases):
    add(store, (1, "A"))
    add(store, (2, "A"), due=now() - LATER)
    assert ids(leases.claim("one", until(), most=2)) == [2, 1]


def test_conditions_narrow_what_is_claimed_and_when_it_is_due(store, leases):
    add(store, (1, "A"), (2, "B"))
    assert ids(leases.claim("one", until(), _c.peer == "B", most=5)) == [2]
    assert leases.next_due(_c.peer == "C") is None


def test_after_its_lease_a_row_is_anybody_s_and_its_old_owner_changes_nothing(store, leases):
    """Nothing of what it would say is taken, and the row stays as the new one has it."""
    add(store, (1, "A"))
    leases.claim("slow", now() - SOON)
    assert ids(leases.claim("quick", until())) == [1]
    assert not leases.renew(1, "slow", until())
    assert not leases.put_off(1, "slow", "late", until())
    leases.done([1], "slow")
    row = leases.owned(1, "quick")
    assert (row.attempts, row.error) == (0, "")


def test_an_owner_stays_it_by_renewing(store, leases):
    add(store, (1, "A"))
    leases.claim("one", now() - SOON)
    assert leases.renew(1, "one", until())
    assert ids(leases.claim("two", until())) == []


def test_a_failure_is_counted_and_the_next_attempt_is_due_when_it_says(store, leases):
    add(store, (1, "A"))
    leases.claim("one", until())
    assert leases.put_off(1, "one", "refused", now() - SOON)
    [row] = leases.claim("two", until())
    assert (row.attempts, row.error) == (1, "refused")


def test_what_is_given_up_is_never_due_until_it_is_hurried(store, leases):
    """With why it was."""
    add(store, (1, "A"))
    leases.claim("one", until())
    leases.put_off(1, "one", "never again", None)
    assert leases.next_due() is None
    leases.release("one")
    assert ids(leases.claim("two", until())) == []
    assert leases.hurry(_c.peer == "A", attempts=0) == 1
    [row] = leases.claim("two", until())
    assert (row.attempts, row.error) == (0, "never again")


def test_what_one_who_is_gone_had_is_due_at_once_and_nothing_else(store, leases):
    add(store, (1, "A"), (2, "A"))
    leases.claim("dead", until())
    leases.claim("alive", until())
    leases.release("dead")
    assert ids(leases.claim("alive", until(), most=5)) == [1]


def test_in_a_lane_a_row_waits_until_those_before_it_are_gone(store, lanes):
    """Also while they are held, put off or given up; other lanes go on."""
    add(store, (1, "A"), (2, "A"), (3, "B"))
    assert ids(lanes.claim("one", until(), most=5)) == [1, 3]
    assert ids(lanes.claim("two", until(), most=5)) == []
    lanes.put_off(1, "one", "refused", until())
    assert ids(lanes.claim("two", until(), most=5)) == []
    lanes.put_off(1, "one", "given up", None)
    assert ids(lanes.claim("two", until(), most=5)) == []
    assert lanes.next_due(_c.peer == "A") is None
    lanes.done([1], "one")
    assert ids(lanes.claim("two", until(), most=5)) == [2]


def test_a_wait_ends_when_something_is_due(store, leases):
    """Where other nodes may have got the news and died, no later than their lease would be over."""
    lease = 60.0
    assert leases.pause(lease) == (lease if leases.is_shared else None)
    add(store, (1, "A"), due=now() + dt.timedelta(seconds=30))
    assert 20 < leases.pause(lease) <= 30
    add(store, (2, "A"), due=now() - LATER)
    assert leases.pause(lease) == 0.0


def test_threads_that_claim_at_once_get_each_row_once(store, leases):
    add(store, *((n, "A") for n in range(40)))
    taken: list[list[int]] = []

    def work() -> None:
        mine: list[int] = []
        while rows := leases.claim("me", until(), most=3):
            mine += ids(rows)
        taken.append(mine)

    run_in_threads(work, 4)
    # On PostgreSQL one that finds all that is due locked gives up; what it left is claimed now.
    rest = ids(leases.claim("me", until(), most=40))
    assert sorted([*chain(*taken), *rest]) == list(range(40))


OTHER = textwrap.dedent(
    """
    import datetime as dt, sys
    from pathlib import Path
    from contextlib import closing
    from pacs_framework.index.database import open_database
    from pacs_framework.tables import Leases, OpenTables, PluginTables, TEXT, lease_columns, now
    from pacs_framework.tables import new_metadata
    import sqlalchemy as sa

    url, folder, seconds, most = sys.argv[1:]
    metadata = new_metadata()
    errand = sa.Table(
        "errands_errand", metadata, sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("peer", TEXT, nullable=False), *lease_columns(),
    )
    index = None if url.startswith("sqlite") else open_database(url, migrated=False)
    tables = OpenTables(
        {"errands": PluginTables(metadata=metadata)}, data=Path(folder), index=index
    )
    leases = Leases(tables("errands"), errand, errand.c.id)
    until = now() + dt.timedelta(seconds=float(seconds))
    rows = leases.claim("other", until, most=int(most))
    print([row.id for row in rows], flush=True)
    sys.stdin.read()
    """
)


def another(url: str, folder, seconds: float, most: int) -> subprocess.Popen[str]:
    """A process that claims, tells what it got and waits; killed by who asked for it."""
    command = [sys.executable, "-c", OTHER, url, str(folder), str(seconds), str(most)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_killed_process_s_rows_come_back(store, leases, pacs_index_url, tmp_path):
    """When their lease is over; at once where somebody knows that it is dead."""
    add(store, (1, "A"), (2, "A"))
    with another(pacs_index_url, tmp_path, 3600, 1) as process:
        assert process.stdout.readline() == "[1]\n"
        assert ids(leases.claim("me", until(), most=5)) == [2]
        process.kill()
    assert ids(leases.claim("me", until(), most=5)) == []
    leases.release("other")
    assert ids(leases.claim("me", until(), most=5)) == [1]


def test_a_lease_that_is_over_needs_nobody_to_release_it(store, leases, pacs_index_url, tmp_path):
    add(store, (1, "A"))
    with another(pacs_index_url, tmp_path, -1, 1) as process:
        assert process.stdout.readline() == "[1]\n"
        process.kill()
    assert ids(leases.claim("me", until())) == [1]
    assert not leases.renew(1, "other", until())


def test_pauses_double_up_to_the_longest():
    pauses = Pauses(first=2.0, longest=60.0)
    assert [pauses.seconds(n) for n in range(7)] == [2, 4, 8, 16, 32, 60, 60]
    assert pauses.seconds(10**6) == 60
    before = now()
    assert before + dt.timedelta(seconds=4) <= pauses.until(1) <= now() + dt.timedelta(seconds=4)


def test_pauses_end_where_that_is_said():
    long_ago = now() - dt.timedelta(seconds=100)
    assert Pauses(first=1, longest=1, give_up_after=99).gives_up(long_ago)
    assert not Pauses(first=1, longest=1, give_up_after=200).gives_up(long_ago)
    assert not Pauses(first=1, longest=1).gives_up(long_ago)
