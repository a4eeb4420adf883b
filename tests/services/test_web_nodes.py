"""Two ``pacs serve`` on one PostgreSQL and one storage, asked by the web: what one has done, the
other one answers with at once. Metadata that a node has prepared are never those of yesterday.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydicom import Dataset

from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.postgres import PrivatePostgres
from pacs_framework.testing.process import ServedArchive

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(300)]


class Node:
    """One of the nodes, and its web door."""

    def __init__(self, archive: ServedArchive) -> None:
        self.archive = archive
        self._web = httpx.Client(
            base_url=f"{archive.doors['http']}/dicom-web", timeout=60, trust_env=False
        )

    def store(self, instance: Dataset, folder: Path) -> None:
        """By C-STORE."""
        file = folder / f"{instance.SOPInstanceUID}.dcm"
        instance.save_as(file, enforce_file_format=True)
        done = self.archive.run("store", self.archive.host, self.archive.port, file)
        assert done.returncode == 0, done.stderr

    def found(self, instance: Dataset) -> list[str]:
        """The instances of its series, by search."""
        answer = self._web.get(f"{_series(instance)}/instances")
        assert answer.status_code in {200, 204}
        return _uids(answer.json()) if answer.status_code == 200 else []

    def described(self, instance: Dataset) -> list[str]:
        """The instances of its series, by metadata."""
        answer = self._web.get(f"{_series(instance)}/metadata")
        return _uids(answer.json()) if answer.status_code == 200 else []

    def patient_in_metadata(self, instance: Dataset) -> str:
        (one, *_) = self._web.get(f"{_series(instance)}/metadata").json()
        return str(one["00100010"]["Value"][0]["Alphabetic"])

    def pixels(self, instance: Dataset) -> bytes:
        accept = {"Accept": "application/octet-stream"}
        answer = self._web.get(f"{_path(instance)}/frames/1", headers=accept)
        assert answer.status_code == 200
        return answer.content

    def close(self) -> None:
        self._web.close()


def _series(instance: Dataset) -> str:
    return f"/studies/{instance.StudyInstanceUID}/series/{instance.SeriesInstanceUID}"


def _path(instance: Dataset) -> str:
    return f"{_series(instance)}/instances/{instance.SOPInstanceUID}"


def _uids(answers: list[dict]) -> list[str]:
    return sorted(each["00080018"]["Value"][0] for each in answers)


@pytest.fixture
def nodes(
    pacs_archive: Archives, pacs_postgres: PrivatePostgres, tmp_path: Path
) -> Iterator[tuple[Node, Node]]:
    """Two that share an index and the objects."""
    config = (
        f'[index]\nurl = "{pacs_postgres.new_database()}"\n'
        f'[storage]\nurl = "{(tmp_path / "objects").as_uri()}"\n'
    )
    made = Node(pacs_archive.served(config=config)), Node(pacs_archive.served(config=config))
    yield made
    for node in made:
        node.close()


def test_what_one_node_does_the_other_answers_with_at_once(
    nodes: tuple[Node, Node], tmp_path: Path
) -> None:
    """Stored, added to, corrected, deleted: in searches, metadata and pixels of both."""
    one, other = nodes
    first = make_instance(PatientID="P1", PatientName="Doe^Jane")
    shared = {k: str(first[k].value) for k in ("StudyInstanceUID", "SeriesInstanceUID")}
    second = make_instance(PatientID="P1", PatientName="Doe^Jane", InstanceNumber=2, **shared)
    one.store(first, tmp_path)
    for node in (other, one, other):  # the second time from what was prepared
        assert node.found(first) == node.described(first) == [first.SOPInstanceUID]
        assert node.pixels(first) == first.PixelData
    other.store(second, tmp_path)
    both = sorted([first.SOPInstanceUID, second.SOPInstanceUID])
    for node in (one, other):
        assert node.found(first) == node.described(first) == both
    update = ("patient", "update", "P1", "PatientName=Roe^Richard", "--reason", "a test")
    _done(one.archive, *update)
    for node in (other, one):
        assert node.patient_in_metadata(first) == "Roe^Richard"
    uid = str(first.SOPInstanceUID)
    _done(one.archive, "delete", "--instance", uid, "--reason", "a test", "--yes")
    for node in (other, one):
        assert node.found(first) == node.described(first) == [second.SOPInstanceUID]


def _done(archive: ServedArchive, *command: str) -> None:
    done = archive.run(*command, "--config", archive.config)
    assert done.returncode == 0, done.stderr
