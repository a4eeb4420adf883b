"""How rows are measured: in turns, and without those who fail or are slow."""

from __future__ import annotations

import signal
from io import StringIO

import pytest
from bench.bars import BARS, judge
from bench.client.process import ClientFailed
from bench.client.tasks import first_association
from bench.peers import Destinations, Peer
from bench.procfs import Usage
from bench.results import Run
from bench.rows import FAMILIES, family_names
from bench.rows.ai import AI_ROW, measure_ai
from bench.rows.base import Bench, Measured, NotMeasured, Row
from bench.rows.codecs import CODEC_ROWS
from bench.rows.hooks import measure_hooks
from bench.rows.jobs import JOBS_ROWS
from bench.rows.lifecycle import Stop
from bench.rows.mpps import MPPS_ROWS, measure_mpps
from bench.rows.print_sessions import SESSION_ROW
from bench.rows.printing import FILM_ROWS
from bench.rows.query import query_rows
from bench.rows.worklist import measure_worklist
from bench.runner import Runner
from bench.soak.verdict import Quiet, leaks
from rich.console import Console


class Client:
    """Needs no process: nothing is asked of a peer that only pretends."""

    def __init__(self):
        self.asked = []

    def run(self, task, *args):
        """Every peer listens at once."""
        self.asked.append(task)


class Pretended(Peer):
    """Counts starts and stops."""

    title = settings = version = classmethod(lambda cls: cls.name)
    durability = "none"
    lives: list[str]

    @classmethod
    def missing(cls):
        """Never."""
        return ""

    def command(self):
        """None is run."""
        return []

    @property
    def address(self):
        """Nowhere."""

    def spawn(self):
        """A life begins."""
        self.state = {}
        self.lives.append(f"+{self.name}")

    def stop(self):
        """A life ends."""
        self.lives.append(f"-{self.name}")
        return 0.0

    def log_tail(self):
        """It says nothing."""
        return ""


class Counting(Row):
    """Tells who was measured when."""

    name = title = "counting"
    unit = "s"
    peers = ("a", "b", "c")
    repeats = 3
    quick_repeats = 2

    def __init__(self):
        self.turns = []
        self.fails = {}

    def measure(self, bench, peer):
        """One more turn."""
        self.turns.append(peer.name)
        if peer.name in self.fails:
            raise self.fails[peer.name]
        return Measured(float(len(self.turns)), 0.5, note=peer.name)


@pytest.fixture
def lives():
    return []


@pytest.fixture
def measured(tmp_path, lives):
    """Run one row; the columns."""

    def run(row, *, quick=False, chosen=()):
        kinds = {
            name: type(name, (Pretended,), {"name": name, "lives": lives})
            for name in ("a", "b", "c")
        }
        bench = Bench(client=Client(), quick=quick, run="r", scratch=tmp_path, say=lambda _: None)
        runner = Runner(bench, Destinations({}), Console(file=StringIO()))
        (result,) = runner.run([row], kinds, chosen)
        return result.columns

    return run


def test_peers_take_turns_and_each_begins_once(measured, lives):
    """So that what grows with time falls on all of them; they are started once."""
    row = Counting()
    columns = measured(row)
    assert row.turns == ["a", "b", "c", "a", "c", "b", "c", "a", "b"]
    assert [len(column.samples) for column in columns.values()] == [3, 3, 3]
    assert columns["b"].note == "b"
    assert columns["b"].client_share == 0.5
    assert lives == ["+a", "+b", "+c", "-a", "-b", "-c"]


@pytest.mark.parametrize("fresh", [False, True])
def test_peer_that_speaks_no_dicom_is_asked_for_no_association(tmp_path, lives, fresh):
    """It would be waited for, for a minute, and then have no figure."""
    row, client = Counting(), Client()
    row.fresh = fresh
    row.repeats = 1
    kinds = {
        name: type(name, (Pretended,), {"name": name, "lives": lives, "associations": most})
        for name, most in (("a", 1), ("b", 0))
    }
    bench = Bench(client=client, quick=False, run="r", scratch=tmp_path, say=lambda _: None)
    [result] = Runner(bench, Destinations({}), Console(file=StringIO())).run([row], kinds)
    assert client.asked == [first_association]
    assert [len(column.samples) for column in result.columns.values()] == [1, 1]


def test_fresh_row_starts_its_peers_for_each_sample(measured, lives):
    """And stops each before the next begins."""
    row = Counting()
    row.fresh = True
    measured(row, quick=True, chosen=("a",))
    assert lives[:4] == ["+a", "-a", "+a", "-a"]


@pytest.mark.parametrize(
    ("failure", "note"),
    [
        (ClientFailed("it aborted"), "failed: it aborted"),
        (NotMeasured("it cannot"), "it cannot"),
        (ValueError("3 of 5 arrived"), "failed: 3 of 5 arrived"),
    ],
)
def test_failing_peer_has_no_figure_and_no_more_turns(measured, failure, note):
    """The others go on."""
    row = Counting()
    row.fails["b"] = failure
    columns = measured(row)
    assert row.turns.count("b") == 1
    assert (columns["b"].samples, columns["b"].note) == ([], note)
    assert len(columns["c"].samples) == 3


def test_slow_peer_gives_one_sample(measured):
    """Patience counts the sample alone."""
    row = Counting()
    row.patience = 0.0
    assert [len(column.samples) for column in measured(row).values()] == [1, 1, 1]


def test_peer_that_is_too_slow_for_a_quick_run_is_left_out(measured):
    """In the full run it takes part."""
    row = Counting()
    row.not_in_quick = ("c",)
    assert measured(row, quick=True).keys() == {"a", "b"}
    assert measured(row).keys() == {"a", "b", "c"}


def test_names_of_rows_are_unique():
    """``--rows`` takes them, and bars name them."""
    names = [row.name for family in FAMILIES for row in family.rows]
    names += [row.name for row in query_rows(())]
    names += CODEC_ROWS
    assert len(names) == len(set(names))
    assert not {*names} & {*family_names()}


def test_bars_name_rows_that_there_are():
    """A bar on a misspelt row would never be missed."""
    names = {row.name for family in FAMILIES for row in family.rows}
    names |= {row.name for row in query_rows(())} | {
        *CODEC_ROWS,
        *MPPS_ROWS,
        *FILM_ROWS,
        *JOBS_ROWS,
        AI_ROW,
        SESSION_ROW,
        "worklist-day",
    }
    assert {bar.row for bar in BARS} <= names


def test_cost_of_a_hook_is_measured_for_each_number_of_plugins():
    result = measure_hooks()
    assert list(result.columns) == ["0 plugins", "1 plugins", "10 plugins", "50 plugins"]
    assert all(column.median > 0 for column in result.columns.values())


def test_what_an_inference_takes_is_measured_with_and_without_kept_processes():
    """Each is done, or the row would raise."""
    result = measure_ai(slices=3, repeats=1)
    assert result.name == AI_ROW
    assert {name: len(column.samples) for name, column in result.columns.items()} == {
        "ours": 1,
        "new process": 1,
    }


def test_performed_procedure_steps_are_counted_by_message_and_by_step():
    """Each is answered with success, or the rows would raise; their bar is on messages."""
    messages, steps, planned = measure_mpps(associations=2, steps=3)
    assert (messages.name, steps.name, planned.name) == MPPS_ROWS
    samples = messages.columns["ours"].samples
    assert samples == [2 * sample for sample in steps.columns["ours"].samples]
    assert messages.columns["ours"].client_share > 0
    results = [messages, steps, planned]
    run = Run(started="", quick=True, machine={}, peers={}, missing={}, results=results)
    for verdict in judge(run):
        assert verdict.met == (verdict.value >= 500)
    samples[:] = planned.columns["ours"].samples[:] = [499.0]
    assert [each.met for each in judge(run)] == [False, False]


def test_a_worklist_is_asked_for_the_day_of_a_station():
    """On a small one; each query has its ten answers, or the row would raise."""
    result = measure_worklist(steps=800)
    assert (result.name, list(result.columns)) == ("worklist-day", ["ours"])
    assert all(column.median > 0 for column in result.columns.values())


# --- the soak ----------------------------------------------------------------------------------

MB = 1 << 20
QUIET = Usage(resident=90 * MB, threads=4, descriptors=150, cpu=1.0)


def usage(**changes):
    return Usage(**{field: getattr(QUIET, field) for field in QUIET.__slots__} | changes)


def test_flat_archive_leaks_nothing():
    """Memory may move within ten percent."""
    assert list(leaks(Quiet(QUIET, QUIET), [90 * MB, 95 * MB, 99 * MB, 96 * MB] * 10)) == []


def test_every_leak_is_told():
    """Memory under load, threads and descriptors in the quiet after it."""
    after = usage(threads=5, descriptors=160)
    told = list(leaks(Quiet(QUIET, after), [n * 10 * MB for n in range(10, 30)]))
    assert told == [
        "memory grew from 178 to 283 MB under load",
        "threads: 4 before, 5 after",
        "descriptors: 150 before, 160 after",
    ]


def test_quick_run_that_is_late_takes_one_sample_of_each(measured, monkeypatch):
    """Five minutes are five minutes, on a slow machine too; a full run takes its time."""
    row = Counting()
    monkeypatch.setattr("bench.rows.base._QUICK_SECONDS", -1)
    assert [len(column.samples) for column in measured(row, quick=True).values()] == [1, 1, 1]
    assert [len(column.samples) for column in measured(row).values()] == [3, 3, 3]


class Stubborn(Pretended):
    """A program that SIGTERM does not end, and that nobody waits for long."""

    name = "ours"
    stop_seconds = 0.05
    spawn, stop = Peer.spawn, Peer.stop

    def command(self):
        """It would run for a minute."""
        return ["sleep", "60"]


class Holding(Client):
    """Holds 50 associations, of which 3 are told of the end."""

    def run(self, task, *args):
        """As many as asked for."""
        return 50

    def begin(self, task, *args):
        """Nothing to watch."""

    def result(self):
        """What was seen."""
        return 3


def test_peer_that_has_to_be_killed_has_a_note_and_no_time_to_stop(tmp_path):
    """The seconds until it was killed say nothing of it."""
    bench = Bench(client=Holding(), quick=False, run="r", scratch=tmp_path, say=lambda _: None)
    runner = Runner(bench, Destinations({}), Console(file=StringIO()))
    ignored = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # which the program inherits
    try:
        (result,) = runner.run([Stop()], {"ours": Stubborn})
    finally:
        signal.signal(signal.SIGTERM, ignored)
    assert result.columns["ours"].samples == []
    assert result.columns["ours"].note == (
        "did not stop: killed after 0.05 s; 3 of 50 got an A-ABORT"
    )


def test_peer_that_stops_has_a_time(tmp_path):
    """A program of any kind: `sleep` ends at SIGTERM."""
    bench = Bench(client=Holding(), quick=True, run="r", scratch=tmp_path, say=lambda _: None)
    runner = Runner(bench, Destinations({}), Console(file=StringIO()))
    patient = type("Patient", (Stubborn,), {"stop_seconds": 30})
    (result,) = runner.run([Stop()], {"ours": patient})
    assert len(result.columns["ours"].samples) == 3
    assert result.columns["ours"].note == "3 of 50 got an A-ABORT"


def test_peers_in_python_may_keep_their_byte_code(tmp_path, monkeypatch):
    """What a developer has set for himself is not measured."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    told = tmp_path / "told"

    class Telling(Stubborn):
        def command(self):
            return ["sh", "-c", f"env > {told}"]

    peer = Telling(tmp_path, Destinations({}))
    peer.spawn()
    peer.process.wait()
    peer.stop()
    names = {line.partition("=")[0] for line in told.read_text().splitlines()}
    assert "PATH" in names
    assert "PYTHONDONTWRITEBYTECODE" not in names
