"""Commands that are forked from a process which has imported everything: they are as others are."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pacs_framework.testing.forked import (
    Forked,
    Nursery,
    nursery,
    run_module,
    running,
    start_module,
)

ENVIRONMENT = dict(os.environ)


def script(folder: Path, source: str) -> str:
    file = folder / "script.py"
    file.write_text(source, "utf-8")
    return str(file)


SEEN = """
import json, os, sys
print(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ), __name__, sys.path[0]]))
print("said", file=sys.stderr)
sys.exit(3)
"""


def test_arguments_folder_environment_and_exit_code_are_those_of_the_command(tmp_path) -> None:
    """And what it prints goes where it belongs."""
    environment = ENVIRONMENT | {"SAID": "ü"}
    done = run_module(
        script(tmp_path, SEEN), "a b", "--c", environment=environment, folder=tmp_path
    )
    assert (done.returncode, done.stderr) == (3, "said\n")
    assert json.loads(done.stdout) == [
        ["a b", "--c"], str(tmp_path), environment, "__main__", str(tmp_path)
    ]  # fmt: skip


def test_a_command_says_what_it_says_in_a_python_of_its_own() -> None:
    """To the letter, also where it fails."""
    for arguments in (["--version"], ["verify", "--config", "/missing.toml"], ["no-such"]):
        alone = subprocess.run(
            [sys.executable, "-m", "pacs_framework.cli", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        forked = run_module("pacs_framework.cli", *arguments)
        said = [(done.returncode, done.stdout, done.stderr) for done in (alone, forked)]
        assert said[0] == said[1]
        assert alone.stdout + alone.stderr


def test_each_has_randomness_of_its_own(tmp_path) -> None:
    """What was seeded before the fork would give all of them the same UIDs."""
    source = "import random, uuid; print(random.random(), uuid.uuid4())"
    found = {run_module(script(tmp_path, source)).stdout for _ in range(3)}
    assert len(found) == 3


def test_an_exception_is_a_traceback_and_what_runs_at_the_end_does(tmp_path) -> None:
    """Python ends as it always does."""
    source = "import atexit; atexit.register(print, 'the end'); raise ValueError('wrong')"
    done = run_module(script(tmp_path, source))
    assert (done.returncode, done.stdout) == (1, "the end\n")
    assert done.stderr.endswith("ValueError: wrong\n")


ENDS = {
    "at its last line": "print('no line end', end='')",
    "with a number": "import sys; sys.exit(259)",
    "with words": "import sys; sys.exit('wrong')",
    "with a thread that it is waited for": """
import atexit, threading
atexit.register(print, "last")
threading.Thread(target=lambda: (threading.main_thread().join(), print("first"))).start()
""",
    "with a thread that nobody waits for": """
import atexit, threading
atexit.register(print, "last")
threading.Thread(target=threading.Event().wait, daemon=True).start()
""",
    "with a file that nobody closed": "file = open('left', 'w'); file.write('written')",
    "with such a file in a cycle": """
class Holder: pass
def hold():
    holder = Holder()
    holder.itself, holder.file = holder, open('left', 'w')
    holder.file.write('written')
hold()
""",
    "with its output closed": "import os; print('lost'); os.close(1); os.close(2)",
}


def run_afresh(
    file: str, *, environment: dict[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, file],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("source", ENDS.values(), ids=ENDS)
def test_it_ends_as_a_python_of_its_own_does(source: str, tmp_path: Path) -> None:
    """Though its memory is not taken apart."""
    file, ends = script(tmp_path, source), []
    # Else printing fails in a Python of its own, and here the end of it.
    environment = {k: v for k, v in ENVIRONMENT.items() if k != "PYTHONUNBUFFERED"}
    for number, run in enumerate((run_afresh, run_module)):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = run(file, environment=environment, folder=folder)
        left = [each.read_text("utf-8") for each in folder.iterdir()]
        ends.append((done.returncode, done.stdout, done.stderr, left))
    assert ends[0] == ends[1]


WAITS = "import time; print('here', flush=True); time.sleep(600)"


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it_and_its_code_tells(tmp_path, sent: signal.Signals) -> None:
    """As `subprocess.Popen` has it."""
    started = start_module(script(tmp_path, WAITS), stderr=sys.stderr, environment=ENVIRONMENT)
    assert isinstance(started, Forked)
    with started as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.send_signal(sent)
        assert process.wait(60) == -sent
        assert process.poll() == process.returncode == -sent
        process.kill()  # it has ended: nobody else is hit


def test_one_that_does_not_end_in_time_is_killed(tmp_path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run_module(script(tmp_path, WAITS), seconds=0.01)


def test_what_python_reads_at_its_start_needs_a_python_of_its_own(tmp_path) -> None:
    """It is started afresh; so is what asks for it."""
    source = "import sys; print(sys.flags.optimize, 'pacs_framework.cli.serve' in sys.modules)"
    file = script(tmp_path, source)
    assert run_module(file).stdout == "0 True\n"
    assert run_module(file, environment=ENVIRONMENT | {"PYTHONOPTIMIZE": "1"}).stdout == "1 False\n"
    with start_module(file, stderr=sys.stderr, environment=ENVIRONMENT, afresh=True) as process:
        assert process.stdout is not None
        assert process.stdout.read() == "0 False\n"


def test_further_folders_of_python_are_searched(tmp_path) -> None:
    """PYTHONPATH holds for the command alone."""
    (tmp_path / "brought.py").write_text("print('brought')", "utf-8")
    environment = ENVIRONMENT | {"PYTHONPATH": str(tmp_path)}
    assert run_module("brought", environment=environment).stdout == "brought\n"
    assert "No module named brought" in run_module("brought").stderr


def test_what_is_imported_already_gives_way_to_a_folder_of_the_command(tmp_path) -> None:
    """As in a start of Python; what is not in the folder stays as it is imported."""
    (tmp_path / "pacs_print").mkdir()
    (tmp_path / "pacs_print/__init__.py").write_text("WHOSE = 'mine'", "utf-8")
    source = "import sys, pacs_print; print(pacs_print.WHOSE, 'pacs_framework' in sys.modules)"
    environment = ENVIRONMENT | {"PYTHONPATH": str(tmp_path)}
    assert run_module(script(tmp_path, source), environment=environment).stdout == "mine True\n"


def test_there_is_one_for_each_process() -> None:
    """Whoever is first to ask starts it."""
    assert running() is nursery() is nursery()


def test_one_that_has_gone_says_so(tmp_path) -> None:
    """And does not wait for ever."""
    with Nursery() as made:
        os.kill(made.pid, signal.SIGKILL)
        with pytest.raises((RuntimeError, OSError)):
            made.code_of(1)
