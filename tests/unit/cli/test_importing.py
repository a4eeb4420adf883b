"""What a start imports, and what the garbage collector has to do with it."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_framework.cli.importing import importing

_START = """
import sys
from pathlib import Path
import pacs_framework.cli.serve
from pacs_framework.app import App
from pacs_framework.cli.options import ArchiveChoice

configured = ArchiveChoice(config=None, data=Path(sys.argv[1])).configured()
with App(configured, listen=False):
    print(*sys.modules)
"""


@pytest.fixture
def collector() -> Iterator[None]:
    """As it was, when the test is over."""
    enabled = gc.isenabled()
    yield
    gc.unfreeze()
    if enabled:
        gc.enable()


@pytest.mark.usefixtures("collector")
def test_the_collector_is_off_while_modules_are_imported_and_on_again_after() -> None:
    gc.enable()
    with importing():
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.usefixtures("collector")
def test_it_stays_off_where_it_was_off() -> None:
    """So the block may stand in another one."""
    gc.disable()
    with importing():
        pass
    assert not gc.isenabled()


@pytest.mark.usefixtures("collector")
def test_what_was_imported_is_not_collected_again_even_when_the_import_failed() -> None:
    gc.unfreeze()
    with pytest.raises(ImportError), importing():
        raise ImportError
    assert gc.get_freeze_count() > 0


def test_a_start_does_not_import_what_it_does_not_need(tmp_path: Path) -> None:
    """Neither on an empty folder nor on an index that is up to date: each costs 50 ms or more."""
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", _START, tmp_path], capture_output=True, text=True, check=True
        )
        imported = {name.partition(".")[0] for name in done.stdout.split()}
        assert "sqlalchemy" in imported
        assert not imported & {"alembic", "mako", "psycopg", "pytest", "cryptography"}
