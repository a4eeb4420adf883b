"""A backup of an archive over several places comes back over others, and to its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served

COUNT = 3


def config(folder: Path, index: str = "") -> str:
    places = f'one = "{(folder / "one").as_uri()}", two = "{(folder / "two").as_uri()}"'
    return (
        f'[index]\nurl = "{index}"\n[storage]\nurl = "tiered:"\n[plugin.storage-filesystem]\n'
        'reserve = 0\n[[plugin.storage-tiered.tiers]]\nname = "hot"\n'
        f"places = {{ {places} }}\n"
    )


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[ServedArchive]:
    """With some instances in it, and stopped."""
    files = tmp_path / "files"
    files.mkdir()
    for number in range(COUNT):
        make_instance().save_as(files / f"{number}.dcm", enforce_file_format=True)
    with served(tmp_path / "old", config=config(tmp_path / "old")) as running:
        done = running.command("import", files)
        assert done.returncode == 0, done.stderr
        assert running.stop() == 0
        yield running


def instances(archive: ServedArchive, *options: object) -> int:
    """How many there are, when nothing is wrong with any copy."""
    done = archive.run("verify", *options, "--json")
    report = json.loads(done.stdout)
    assert report["findings"] == []
    return int(report["instances"])


@pytest.mark.parametrize(
    "engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def test_an_archive_comes_back_over_new_places(
    archive: ServedArchive, engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """They get marks of their own: nobody has to say that they are meant."""
    backup, new = tmp_path / "backup", tmp_path / "new"
    index = ""
    if engine == "postgresql":
        index = request.getfixturevalue("pacs_postgres").new_database()
    done = archive.run("backup", "--config", archive.config, backup)
    assert done.returncode == 0, done.stderr
    toml = tmp_path / "new.toml"
    toml.write_text(f'[archive]\ndata = "{new}"\n{config(new, index)}')
    done = archive.run("restore", "--config", toml, backup)
    assert done.returncode == 0, done.stderr
    assert instances(archive, "--config", toml) == COUNT


def test_an_index_comes_back_to_its_own_places_only(archive: ServedArchive, tmp_path: Path) -> None:
    """``--without-objects``: a folder whose disk is not mounted is no place, as before."""
    backup = tmp_path / "backup"
    done = archive.run("backup", "--config", archive.config, backup, "--without-objects")
    assert done.returncode == 0, done.stderr
    old = tmp_path / "old"
    shutil.move(old / "two", old / "unplugged")
    new = ("--config", archive.config, "--data", tmp_path / "new")
    archive.run("restore", *new, backup)
    status = archive.run("tiers", "status", *new)
    assert status.returncode == 1
    assert "place 'two' has lost its mark: is it mounted?" in status.stdout + status.stderr
    shutil.rmtree(old / "two", ignore_errors=True)
    shutil.move(old / "unplugged", old / "two")
    archive.run("restore", *new, backup)
    assert instances(archive, *new) == COUNT
