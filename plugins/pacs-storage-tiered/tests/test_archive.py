"""A whole archive over two folders and a third, worked with as a user does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served
from pacs_storage_tiered.marking import MARK

STUDY = "1.2.826.0.1.3680043.10.543.7"
COUNT = 3


def config(folder: Path, *, days: float = 0) -> str:
    return f"""
[storage]
url = "tiered:"
[plugin.storage-filesystem]
reserve = 0
[plugin.storage-tiered]
cycle = 0
[[plugin.storage-tiered.tiers]]
name = "hot"
places = {{ one = "{(folder / "one").as_uri()}", two = "{(folder / "two").as_uri()}" }}
days = {days}
idle_days = 0
[[plugin.storage-tiered.tiers]]
name = "cold"
places = {{ cold = "{(folder / "cold").as_uri()}" }}
"""


def objects(place: Path) -> list[Path]:
    found = sorted(path for path in place.rglob("*.dcm") if path.is_file())
    return [path for path in found if not path.name.startswith(MARK.instance)]


def send(archive: ServedArchive, folder: Path) -> None:
    folder.mkdir()
    for number in range(COUNT):
        instance = make_instance(StudyInstanceUID=STUDY, SeriesInstanceUID=f"{STUDY}.1")
        instance.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    done = archive.run("store", archive.host, archive.port, folder, "--aec", archive.aet)
    assert done.returncode == 0, done.stderr


def tiers(archive: ServedArchive, name: str, *arguments: object, code: int = 0) -> str:
    done = archive.run("tiers", name, "--config", archive.config, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_damage_of_one_copy_is_found_repaired_and_told(tmp_path: Path) -> None:
    """`pacs verify` names the place; `pacs tiers repair` takes the right bytes from the other.

    Beside the running archive.
    """
    with served(tmp_path / "archive", config=config(tmp_path)) as archive:
        send(archive, tmp_path / "files")
        damaged, missing = objects(tmp_path / "two")[0], objects(tmp_path / "one")[1]
        data = damaged.read_bytes()
        damaged.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        missing.unlink()
        done = archive.command("verify", "--json")
        assert done.returncode == 1
        found = {(f["kind"], f["detail"]) for f in json.loads(done.stdout)["findings"]}
        assert found == {
            ("data set digest", "copy in 'two'"),
            ("missing", "copy in 'one'"),
        }
        report = json.loads(tiers(archive, "repair", "--json"))
        assert report == {"checked": COUNT, "repaired": 2, "waiting": 0}
        assert damaged.read_bytes() == data
        assert missing.exists()
        assert archive.command("verify").returncode == 0


@pytest.mark.crash
def test_studies_go_to_the_next_tier_and_the_index_is_made_anew_from_there(tmp_path: Path) -> None:
    """Planned, pinned, unpinned, moved; then the loss of index and tables together."""
    with served(tmp_path / "archive", config=config(tmp_path)) as archive:
        send(archive, tmp_path / "files")
        assert json.loads(tiers(archive, "plan", "--json"))[0]["objects"] == COUNT
        tiers(archive, "pin", STUDY, "--note", "teaching")
        assert json.loads(tiers(archive, "plan", "--json")) == []
        status = json.loads(tiers(archive, "status", "--objects", "--json"))
        assert [pin["note"] for pin in status["pinned"]] == ["teaching"]
        assert [place["objects"] for place in status["places"]] == [COUNT, COUNT, 0]
        tiers(archive, "unpin", STUDY)
        tiers(archive, "unpin", STUDY, code=1)
        assert "waiting" in tiers(archive, "run")
        assert [len(objects(tmp_path / name)) for name in ("one", "two", "cold")] == [0, 0, COUNT]
        archive.kill()
    shutil.rmtree(tmp_path / "archive" / "data")
    with served(tmp_path / "archive", config=config(tmp_path)) as archive:
        assert archive.stop() == 0
        done = archive.command("reindex")
        assert done.returncode == 0, done.stdout + done.stderr
        assert archive.command("verify").returncode == 0
        assert len(archive.objects()) == COUNT


def test_a_new_disk_is_filled_when_somebody_says_that_it_is_one(tmp_path: Path) -> None:
    """An empty folder in the place of the old one is asked about, and left empty."""
    with served(tmp_path / "archive", config=config(tmp_path)) as archive:
        send(archive, tmp_path / "files")
        assert archive.stop() == 0
        (tmp_path / "two").rename(tmp_path / "old")
        (tmp_path / "two").mkdir()
        assert "place 'two' has lost its mark" in tiers(archive, "status", code=1)
        assert "0 repaired, 3 waiting" in tiers(archive, "repair", code=1)
        assert objects(tmp_path / "two") == []
        done = archive.run("tiers", "mark", "--config", archive.config, "three")
        assert done.returncode == 1
        assert "there is no place 'three'; there are one, two, cold" in done.stderr
        assert tiers(archive, "mark", "two").startswith("place 'two' is file://")
        assert "0 waiting" in tiers(archive, "repair")
        assert len(objects(tmp_path / "two")) == COUNT
