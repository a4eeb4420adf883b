"""The parts of the campaign: processes that are ended, wires that are laid again."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from bench.faults.postgres import CutPostgres
from bench.faults.processes import Nursery


def test_command_that_takes_too_long_is_killed_and_told(nursery: Nursery) -> None:
    """Neither waited for without end, nor left behind."""
    reading, writing = os.pipe()
    endless = ("timeit", "-n", "1000000000", "--setup", "print(1, flush=True)", "pass")
    process = nursery.start(endless[0], endless[1:], out=writing, err=writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        assert said.readline() == b"1\n"  # it runs
        with pytest.raises(TimeoutError):
            process.wait(0.01)
        process.kill()
        assert process.wait() == -9
        assert said.read() == b""  # nobody holds its output any more


def test_command_ends_with_its_own_code_and_words(nursery: Nursery) -> None:
    """As in a process that was started for it."""
    done = nursery.run("pacs_framework.cli", "verify", "--config", "/nowhere/pacs.toml")
    assert done.code == 2
    assert done.output == ""
    assert "/nowhere/pacs.toml" in done.errors


def test_wire_is_laid_again_where_one_was(tmp_path: Path) -> None:
    """A fault that happens many times gives the same node the same wire each time."""
    with TemporaryDirectory(prefix="wire-") as short:  # names of sockets may not be long
        target = f"postgresql+psycopg://u@/d?host={tmp_path}"
        for _ in range(3):
            with CutPostgres(None, Path(short), target=target) as wire:  # type: ignore[arg-type]
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(f"{short}/.s.PGSQL.5432")
                assert short in wire.url
