"""A group of commands names its commands without importing them."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pacs_framework.cli.lazy import LazyGroup

MODULE = "commands_of_the_front_desk"
SOURCE = """
import click

@click.command("show")
def show_():
    "Show it."
    click.echo("shown")
"""


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> click.Group:
    (tmp_path / f"{MODULE}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)

    @click.group("desk", cls=LazyGroup, places={"show": f"{MODULE}:show_", "gone": "nowhere:gone"})
    def desk() -> None:
        """What the desk does."""

    return desk


def test_a_command_is_imported_when_it_runs(group: click.Group) -> None:
    assert MODULE not in sys.modules
    assert CliRunner().invoke(group, ["show"]).output == "shown\n"


def test_names_come_in_the_order_that_was_given(group: click.Group) -> None:
    assert group.list_commands(click.Context(group)) == ["show", "gone"]


def test_a_name_that_is_not_there_is_refused_as_by_any_group(group: click.Group) -> None:
    done = CliRunner().invoke(group, ["hide"])
    assert done.exit_code == 2
    assert "No such command 'hide'" in done.output


def test_a_module_that_is_not_there_is_a_fault_and_no_missing_command(group: click.Group) -> None:
    assert isinstance(CliRunner().invoke(group, ["gone"]).exception, ModuleNotFoundError)
