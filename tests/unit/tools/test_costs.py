"""``conftest.py`` of the repository: what a test costs in processor time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pacs_framework.testing.forked import run_module

ROOT = Path(__file__).resolve().parents[3]
BUSY = "import time\nuntil = time.process_time() + 0.3\nwhile time.process_time() < until: pass\n"
SAYS = "print('done', flush=True)\ninput()\n"


@pytest.fixture
def seconds(pytestconfig: pytest.Config) -> Callable[[], float]:
    """What the conftest counts with."""
    conftest = pytestconfig.pluginmanager.get_plugin(str(ROOT / "conftest.py"))
    found: Callable[[], float] = conftest._seconds
    return found


def test_a_process_counts_while_it_runs(seconds: Callable[[], float]) -> None:
    """And not once more where it ends."""
    before = seconds()
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", BUSY + SAYS], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        running = seconds() - before
        process.communicate(b"\n")
    assert running >= 0.25
    assert seconds() - before < 2 * running


def test_a_forked_command_counts(seconds: Callable[[], float], tmp_path: Path) -> None:
    """Its parent is not this process."""
    (tmp_path / "busy.py").write_text(BUSY)
    before = seconds()
    assert run_module(str(tmp_path / "busy.py")).returncode == 0
    assert seconds() - before >= 0.25
