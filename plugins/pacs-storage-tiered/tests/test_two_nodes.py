"""Two nodes on one PostgreSQL, over a folder and a bucket, are one archive."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import generate_uid

from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served
from pacs_storage_s3.serving import PrivateS3, S3Missing

pytestmark = [pytest.mark.postgresql, pytest.mark.interop]


def dcmtk(program: str, *arguments: object) -> None:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"DCMTK's {program} is not installed")
    command = [found, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


class Cluster:
    """Nodes that differ in nothing but where the place ``local`` is."""

    def __init__(self, index: str, server: PrivateS3, folder: Path, quorum: int) -> None:
        self.folder = folder
        self._index = index
        self._server = server
        self._quorum = quorum
        self._number = 0

    def config(self, local: Path) -> str:
        places = f'{{ local = "{local.as_uri()}", bucket = "s3://pacs/{self.folder.name}" }}'
        return (
            f'[index]\nurl = "{self._index}"\n[storage]\nurl = "tiered:"\n'
            f"[plugin.storage-tiered]\npatience = 30\nretry_after = 0.5\n"
            f'[[plugin.storage-tiered.tiers]]\nname = "hot"\nquorum = {self._quorum}\n'
            f"places = {places}\n"
            f'[plugin.storage-s3]\nendpoint = "{self._server.endpoint}"\n'
            f'credentials_file = "{self._server.credentials_file}"\n'
            f'state = "{self.folder / "uploads"}"\ncheck_writes = "read-back"\n'
        )

    def send(self, node: ServedArchive) -> str:
        """Store a study of two instances; its UID."""
        self._number += 1
        folder = self.folder / f"sent-{self._number}"
        folder.mkdir()
        study = generate_uid()
        for number in range(2):
            instance = make_instance(StudyInstanceUID=study)
            instance.save_as(folder / f"{number}.dcm", enforce_file_format=True)
        dcmtk("storescu", "-aec", node.aet, "+sd", node.host, node.port, folder, "-to", 30)
        return study

    def fetch(self, node: ServedArchive, study: str) -> int:
        """How many instances of a study a C-GET gives."""
        self._number += 1
        folder = self.folder / f"fetched-{self._number}"
        folder.mkdir()
        dcmtk(
            *("getscu", "-aec", node.aet, "-S", "-od", folder),
            *("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}"),
            *(node.host, node.port),
        )
        found = [pydicom.dcmread(path) for path in folder.iterdir()]
        assert {str(each.StudyInstanceUID) for each in found} <= {study}
        return len(found)


@pytest.fixture
def server() -> Iterator[PrivateS3]:
    try:
        private = PrivateS3()
    except S3Missing as missing:
        pytest.skip(str(missing))
    with private:
        yield private


@pytest.fixture
def index(pacs_postgres) -> str:
    return pacs_postgres.new_database()


@pytest.mark.crash
def test_what_one_stores_the_other_has_also_when_the_first_is_killed(
    index: str, server: PrivateS3, tmp_path: Path
) -> None:
    cluster = Cluster(index, server, tmp_path, quorum=2)
    config = cluster.config(tmp_path / "shared")
    with served(tmp_path / "two", config=config) as two:
        with served(tmp_path / "one", config=config) as one:
            first, second = cluster.send(one), cluster.send(two)
            assert (cluster.fetch(two, first), cluster.fetch(one, second)) == (2, 2)
            one.kill()
        third = cluster.send(two)
        with served(tmp_path / "one", config=config) as one:
            assert [cluster.fetch(one, study) for study in (first, second, third)] == [2, 2, 2]
            done = one.command("verify")
            assert done.returncode == 0, done.stdout


def test_a_folder_of_one_node_alone_is_left_alone_by_the_other(
    index: str, server: PrivateS3, tmp_path: Path
) -> None:
    """It has no mark there: the other serves from the bucket, and fills nothing."""
    cluster = Cluster(index, server, tmp_path, quorum=1)
    mine, others = cluster.config(tmp_path / "mine"), cluster.config(tmp_path / "others")
    with (
        served(tmp_path / "one", config=mine) as one,
        served(tmp_path / "two", config=others) as two,
    ):
        first, second = cluster.send(one), cluster.send(two)
        assert (cluster.fetch(two, first), cluster.fetch(one, second)) == (2, 2)
        assert list((tmp_path / "others").rglob("*.dcm")) == []
        done = two.run("tiers", "status", "--config", two.config)
        assert done.returncode == 1
        assert "place 'local' has lost its mark: is it mounted?" in done.stdout
        # What the other tried in vain is put off for a while, and then anybody's again.
        deadline = time.monotonic() + 60
        while one.run("tiers", "repair", "--config", one.config).returncode:
            assert time.monotonic() < deadline, one.log_text()
        kept = [path for path in (tmp_path / "mine").rglob("*.dcm") if second in str(path)]
        assert len(kept) == 2
