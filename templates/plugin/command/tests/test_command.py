"""The command on a real archive, as a user runs it."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pacs_framework.archive.archive import Archive
from pacs_framework.cli.main import main
from pacs_framework.index.database import open_database
from pacs_framework.testing.arrivals import announced, encoded, mr_image, send
from pacs_framework.testing.memory_storage import MemoryStorage

from pacs_samplename.plugin import cli_commands

SERIES = {"MR": "1.2.3.5", "CT": "1.2.3.6"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder of an archive with two MR instances and one CT instance."""
    with (
        closing(open_database(f"sqlite:///{tmp_path / 'index.sqlite'}")) as database,
        closing(Archive(database=database, storage=MemoryStorage(), data=tmp_path)) as archive,
    ):
        for number, modality in enumerate(("MR", "MR", "CT"), start=1):
            image = mr_image(number, Modality=modality, SeriesInstanceUID=SERIES[modality])
            send(archive, encoded(image), announced(number))
    return tmp_path


def run(*arguments: str) -> Result:
    """As a user types it; the plugin is found because it is installed."""
    result = CliRunner().invoke(main, ["samplename", *arguments])
    assert result.exit_code == 0, result.output
    return result


def test_the_plugin_adds_the_command() -> None:
    assert [command.name for command in cli_commands()] == ["samplename"]


def test_json_has_a_row_for_each_modality(data: Path) -> None:
    assert json.loads(run("--data", str(data), "--json").output) == [
        {"modality": "CT", "series": 1, "instances": 1},
        {"modality": "MR", "series": 1, "instances": 2},
    ]


def test_one_modality_is_counted_alone(data: Path) -> None:
    found = json.loads(run("--data", str(data), "--modality", "MR", "--json").output)
    assert [row["modality"] for row in found] == ["MR"]


def test_the_table_says_the_same(data: Path) -> None:
    lines = [line.split() for line in run("--data", str(data)).output.splitlines()]
    assert lines == [["MODALITY", "SERIES", "INSTANCES"], ["CT", "1", "1"], ["MR", "1", "2"]]


def test_an_empty_archive_has_nothing_to_count(tmp_path: Path) -> None:
    assert json.loads(run("--data", str(tmp_path / "new"), "--json").output) == []
