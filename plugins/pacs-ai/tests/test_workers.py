"""Workers: kept from run to run, which never meet each other, and replaced when in doubt."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_alive import SECONDS, Alive
from ai_archives import HERE

from pacs_ai.api import Measurements, Volume
from pacs_ai.errors import ModelCanceled, ModelFailed
from pacs_ai.exchange import read_results, write_volume
from pacs_ai.running import warm
from pacs_ai.running.process import Limits
from pacs_ai.running.runner import Work
from pacs_ai.running.said import Said
from pacs_ai.running.warm import Recipe, Workers
from pacs_ai.running.worker import MODEL, RESULTS
from pacs_framework.waking import Waker

SHAPE = (2, 3, 4)


def recipe(attribute: str, **more: Any) -> Recipe:
    """A model of `ai_worker_models`."""
    wanted = {"load": f"ai_worker_models:{attribute}", "version": "1", "folder": str(HERE)}
    files = ((MODEL, json.dumps(wanted).encode()),)
    limits = Limits(seconds=SECONDS, network=True)
    return replace(Recipe(files=files, digest="", limits=limits), **more)


class Bench:
    """Runs models on volumes of one value, each in a folder of its own."""

    def __init__(self, folder: Path, workers: Workers) -> None:
        self.folder, self.workers, self.number = folder, workers, 0

    def work(self, value: float = 0.0, **more: Any) -> Work:
        self.number += 1
        folder = self.folder / f"run {self.number}"
        folder.mkdir()
        write_volume(folder, Volume(voxels=np.full(SHAPE, value, np.float32), affine=np.eye(4)))
        (folder / RESULTS).mkdir()
        given = {"limits": Limits(seconds=SECONDS), "said": Said(), **more}
        return Work(uid="1", folder=folder, digest="", workers=self.workers, series=None, **given)

    def run(self, wanted: Recipe, value: float = 0.0, **more: Any) -> dict[str, float]:
        """What it told of itself: name to value."""
        work = self.work(value, **more)
        self.workers.run(wanted, work)
        (result,) = read_results(work.folder / RESULTS, SHAPE)
        assert isinstance(result, Measurements)
        return {each.name.value: each.value for each in result.findings[0].measurements}

    def folders(self) -> list[Path]:
        """Those of workers that there are."""
        return [each for each in self.workers.folder.iterdir() if each.is_dir()]


@pytest.fixture
def alive(tmp_path: Path) -> Iterator[Alive]:
    made = Alive(tmp_path)
    yield made
    made.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    made: list[Workers] = []

    def new(**kept: Any) -> Bench:
        made.append(Workers(tmp_path / "workers", **{"most": 2, "idle": SECONDS, **kept}))
        return Bench(tmp_path, made[-1])

    yield new
    for workers in made:
        workers.close()
        assert not list(workers.folder.iterdir())


def test_the_next_run_has_the_same_worker(bench: Callable[..., Bench]) -> None:
    """Prepared once; each run is a process of its own."""
    with_two = bench()
    one, two = (with_two.run(recipe("Remembers")) for _ in range(2))
    assert one["worker"] == two["worker"]
    assert (one["prepared"], two["prepared"]) == (1, 1)
    assert one["process"] != two["process"]


def test_no_run_finds_anything_of_another(bench: Callable[..., Bench]) -> None:
    """Neither in memory nor in its folders, though models leave what they like."""
    with_two = bench()
    first, second = with_two.run(recipe("Remembers"), 7.0), with_two.run(recipe("Remembers"), 9.0)
    assert (first["mean"], second["mean"]) == (7.0, 9.0)
    assert first["found"] == second["found"] == 0


def test_what_a_model_says_is_of_its_run(bench: Callable[..., Bench]) -> None:
    """What it says while it is loaded is of the run that it was loaded for."""
    with_two, said = bench(), [Said(), Said()]
    for each in said:
        with_two.run(recipe("Remembers"), said=each)
    folders = [with_two.folder / "run 1", with_two.folder / "run 2"]
    first, second = (f"ran in {each} with {each}" for each in folders)
    assert said[0].text.splitlines() == ["prepared", first]
    assert said[1].text.splitlines() == [second]


def test_another_recipe_is_another_worker(bench: Callable[..., Bench]) -> None:
    """Also the same model with other code, weights, limits or variables."""
    with_many = bench(most=9)
    others: list[dict[str, Any]] = [
        {},
        {"digest": "2"},
        {"environment": {"A": "B"}},
        {"limits": Limits(seconds=SECONDS, network=True, memory=1 << 32)},
    ]
    workers = [with_many.run(recipe("Remembers", **more))["worker"] for more in others]
    assert len(set(workers)) == len(others)
    assert with_many.run(recipe("Remembers"))["worker"] == workers[0]


def test_no_more_are_kept_than_wanted(bench: Callable[..., Bench]) -> None:
    """Those that were used last."""
    with_two = bench()
    first = with_two.run(recipe("Remembers", digest="1"))["worker"]
    for digest in "23":
        with_two.run(recipe("Remembers", digest=digest))
    assert len(with_two.folders()) == 2
    assert with_two.run(recipe("Remembers", digest="1"))["worker"] != first


def test_none_may_be_kept(bench: Callable[..., Bench]) -> None:
    """Then the process of the run loads the model."""
    with_none = bench(most=0)
    told = with_none.run(recipe("Remembers"))
    assert (told["prepared"], told["worker"]) == (1, told["process"])
    assert with_none.folders() == []


def test_a_model_with_threads_is_loaded_by_each_run(bench: Callable[..., Bench]) -> None:
    """Forked from a process with threads, it might wait for ever for a lock that nobody gives."""
    with_two = bench()
    for told in [with_two.run(recipe("Threads")) for _ in range(2)]:
        assert (told["prepared"], told["worker"]) == (1, told["process"])
    assert len(with_two.folders()) == 1


def test_it_is_replaced_after_so_many_runs(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a library that was replaced beside a model would never be loaded."""
    monkeypatch.setattr(warm, "_RUNS", 2)
    with_two = bench()
    workers = [with_two.run(recipe("Remembers"))["worker"] for _ in range(4)]
    assert workers[0] == workers[1] != workers[2] == workers[3]


def test_one_that_waited_too_long_is_replaced(bench: Callable[..., Bench]) -> None:
    """It ends by itself; the next run has a new one."""
    with_two = bench(idle=0.05)
    first = int(with_two.run(recipe("Remembers"))["worker"])
    gone(first)
    assert with_two.run(recipe("Remembers"))["worker"] != first
    assert len(with_two.folders()) == 1


def gone(pid: int) -> None:
    """Wait until there is no such process; it is not our child."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([handle], [], [], SECONDS)[0]
    os.close(handle)


def test_one_that_was_killed_meanwhile_is_replaced(bench: Callable[..., Bench]) -> None:
    """As by a system that is short of memory; the run does not fail for it."""
    with_two = bench()
    first = int(with_two.run(recipe("Remembers"))["worker"])
    os.kill(first, signal.SIGKILL)
    assert with_two.run(recipe("Remembers"))["worker"] != first


def test_after_a_failure_it_is_not_kept(bench: Callable[..., Bench]) -> None:
    """It may have been the worker's: the next run has a new one."""
    with_two, said = bench(), Said()
    with_two.run(recipe("Fails"))
    assert len(with_two.folders()) == 1
    with pytest.raises(ModelFailed, match="exit code 1: RuntimeError: no idea what this is"):
        with_two.run(recipe("Fails"), 1.0, said=said)
    assert "Traceback" in said.text
    assert with_two.folders() == []


def test_a_model_that_cannot_be_loaded_fails_its_run(bench: Callable[..., Bench]) -> None:
    with_two = bench()
    with pytest.raises(ModelFailed, match="exit code 1: RuntimeError: the weights are gone"):
        with_two.run(recipe("Broken"))
    with pytest.raises(ModelFailed, match="No module named"):
        with_two.run(replace(recipe("Broken"), files=((MODEL, wanted("nowhere:X")),)))
    with pytest.raises(ModelFailed, match="/nowhere/python cannot be run"):
        with_two.run(recipe("Broken", python="/nowhere/python"))
    assert with_two.folders() == []


def wanted(load: str) -> bytes:
    return json.dumps({"load": load, "version": "1", "folder": str(HERE)}).encode()


@pytest.fixture
def held(tmp_path: Path, alive: Alive) -> Recipe:
    """A model that holds ``alive`` until there is a file ``go``."""
    variables = {"ALIVE": str(alive.path), "GO": str(tmp_path / "go")}
    return recipe("Holds", environment=variables)


def test_time_is_limited(bench: Callable[..., Bench], held: Recipe, alive: Alive) -> None:
    """Nothing of the run is left, nor its worker."""
    with_two = bench()
    with pytest.raises(ModelFailed, match="it took more than 5 s"):
        with_two.run(held, limits=Limits(seconds=5))
    alive.wait_for_one()
    assert alive.is_over()
    assert with_two.folders() == []


def in_thread(
    bench: Bench, wanted: Recipe, **more: Any
) -> tuple[threading.Thread, list[BaseException]]:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            bench.run(wanted, **more)
        except ModelFailed as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    return thread, failures


def test_a_run_can_be_canceled(bench: Callable[..., Bench], held: Recipe, alive: Alive) -> None:
    """With all that it has started."""
    with_two, waker = bench(), Waker()
    thread, failures = in_thread(with_two, held, canceled=waker)
    alive.wait_for_one()
    waker.ring()
    thread.join(SECONDS)
    assert [type(each) for each in failures] == [ModelCanceled]
    assert alive.is_over()
    assert with_two.folders() == []
    waker.close()


@pytest.mark.crash
@pytest.mark.parametrize("which", ["run", "its supervisor", "worker"])
def test_whichever_process_is_killed_nothing_is_left(
    bench: Callable[..., Bench], held: Recipe, alive: Alive, tmp_path: Path, which: str
) -> None:
    """kill -9; the run fails, and the next one is done."""
    with_two = bench()
    thread, failures = in_thread(with_two, held)
    pids = [int(each) for each in alive.line().split()]
    os.kill(pids[["run", "its supervisor", "worker"].index(which)], signal.SIGKILL)
    thread.join(SECONDS)
    assert [str(each) for each in failures] == ["it was killed by SIGKILL"]
    assert alive.is_over()
    assert with_two.folders() == []
    (tmp_path / "go").touch()
    assert with_two.run(held) == {"done": 1.0}
    assert len(with_two.folders()) == 1


@pytest.mark.crash
def test_workers_end_with_the_process_that_keeps_them(tmp_path: Path, alive: Alive) -> None:
    """kill -9 of the archive, with a run in a worker."""
    path = tmp_path / "archive.py"
    path.write_text(_ARCHIVE)
    arguments = [path, HERE, tmp_path, alive.path]
    pid = os.posix_spawn(sys.executable, [sys.executable, *map(str, arguments)], os.environ)
    alive.wait_for_one()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert alive.is_over()


_ARCHIVE = """
import sys
from pathlib import Path
here, folder, alive = sys.argv[1:]
sys.path.insert(0, here)
from test_workers import Bench, Workers, recipe
bench = Bench(Path(folder), Workers(Path(folder) / "workers", most=2))
bench.run(recipe("Holds", environment={"ALIVE": alive, "GO": folder + "/go"}))
"""


def test_runs_of_one_model_may_be_side_by_side(
    bench: Callable[..., Bench], held: Recipe, alive: Alive, tmp_path: Path
) -> None:
    """Each has a worker of its own; both are kept."""
    with_two = bench()
    both = [in_thread(with_two, held) for _ in range(2)]
    workers = {alive.line().split()[2] for _ in both}
    (tmp_path / "go").touch()
    for thread, failures in both:
        thread.join(SECONDS)
        assert failures == []
    assert len(workers) == 2
    assert len(with_two.folders()) == 2
