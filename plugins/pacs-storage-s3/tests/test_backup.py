"""Backups into a bucket, and of an archive whose objects are in one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served

if TYPE_CHECKING:
    from conftest import Place

INSTANCES = 12


def filled(archive: ServedArchive, folder: Path) -> None:
    """Small instances and a large one, by the door of ``pacs import``; the archive is stopped."""
    folder.mkdir()
    for number in range(INSTANCES):
        pixels = bytes(3_000_000 if number == 5 else 3_000)
        file = folder / f"{number}.dcm"
        make_instance(PixelData=pixels).save_as(file, enforce_file_format=True)
    done = archive.command("import", folder)
    assert done.returncode == 0, done.stderr
    assert archive.stop() == 0


def ran(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_a_backup_goes_into_a_bucket_and_comes_back(place: Place, tmp_path: Path) -> None:
    """From files, and again to files; what the bucket has is not sent again."""
    section = place.toml().partition("[plugin")[2]
    with served(tmp_path / "archive", config=f"[plugin{section}") as archive:
        filled(archive, tmp_path / "in")
        make = ("backup", "--config", archive.config, tmp_path / "b", "--objects", place.url)
        assert json.loads(ran(archive.run(*make, "--json")))["copied"] == INSTANCES
        assert json.loads(ran(archive.run(*make, "--json")))["copied"] == 0
        ran(archive.run("backup", "verify", tmp_path / "b", "--config", archive.config))
        new = ("--config", archive.config, "--data", tmp_path / "new")
        ran(archive.run("restore", tmp_path / "b", *new))
        assert json.loads(ran(archive.run("verify", *new, "--json")))["findings"] == []


def test_an_index_comes_back_to_its_bucket(place: Place, tmp_path: Path) -> None:
    """``--without-objects``: the bucket keeps them; or the bucket alone tells, by reindex."""
    with served(tmp_path / "archive", config=place.toml()) as archive:
        filled(archive, tmp_path / "in")
        ran(archive.run("backup", "--config", archive.config, tmp_path / "b", "--without-objects"))
        for how in (("restore", tmp_path / "b"), ("reindex", "--jobs", 3)):
            new = ("--config", archive.config, "--data", tmp_path / str(how[0]))
            ran(archive.run(*how, *new))
            report = json.loads(ran(archive.run("verify", *new, "--json")))
            assert (report["instances"], report["findings"]) == (INSTANCES, [])
