"""From which AE title an instance was stored, and how the index comes to know it again."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.incoming import Coercion, IncomingInstance, Origin
from pacs_framework.archive.reindex import reindex
from pacs_framework.archive.source import source_of
from pacs_framework.dicom.part10 import make_prefix, source_in
from pacs_framework.index import schema
from pacs_framework.index.database import Database, open_database
from pacs_framework.testing.arrivals import announced, encoded, mr_image
from pacs_framework.testing.scene import Scene

_ARRIVALS = {
    # an association: whoever called, whatever stands in a file that it may have made of it
    1: (Origin(door="dimse", calling_aet="CT1"), None, "CT1"),
    2: (Origin(door="dimse", calling_aet="SIXTEEN_OF_THEM_"), None, "SIXTEEN_OF_THEM_"),
    # files that the archive's own people bring
    3: (Origin(door="import"), "OLD_PACS", "OLD_PACS"),
    4: (Origin(door="import"), "", ""),
    # another door: its caller, and never what the file says of somebody else
    5: (Origin(door="dicomweb", calling_aet="jane"), "CT1", "jane"),
    6: (Origin(door="dicomweb"), "CT1", ""),
    7: (Origin(door="dicomweb", calling_aet="a-name-that-is-longer"), "CT1", ""),
    8: (Origin(door="dicomweb", calling_aet="CT1             and more"), None, ""),
}


def store(archive: Archive, number: int, origin: Origin, claimed: str | None) -> None:
    meta = announced(number)
    if claimed is not None:
        meta = replace(meta, prefix=make_prefix(meta, source_aet=claimed))
    with archive.receive(origin, meta) as reception:
        reception.write(encoded(mr_image(number)))
        reception.commit()


def senders(database: Database) -> dict[int, str]:
    c = schema.instance.c
    with database.reading() as connection:
        rows = connection.execute(sa.select(c.sop_instance_uid, c.source_aet))
        return {int(row.sop_instance_uid.rpartition(".")[2]): row.source_aet for row in rows}


@pytest.fixture
def filled(scene: Scene) -> Archive:
    archive = scene.archive()
    for number, (origin, claimed, _) in _ARRIVALS.items():
        store(archive, number, origin, claimed)
    return archive


EXPECTED = {number: sender for number, (_, _, sender) in _ARRIVALS.items()}


def test_the_sender_is_who_is_known_and_not_who_is_claimed(scene: Scene, filled: Archive) -> None:
    assert senders(scene.database) == EXPECTED


def test_an_index_that_is_made_anew_knows_the_same_senders(
    scene: Scene, filled: Archive, pacs_index_url: str
) -> None:
    """Also where an object claims another one, by the change feed of the old index."""
    scene.end()
    scene.database.close()
    assert list(reindex(pacs_index_url, scene.storage, scene.data)) == []
    scene.database = open_database(pacs_index_url)
    assert senders(scene.database) == EXPECTED
    scene.database.close()


def test_without_a_change_feed_objects_are_believed(
    scene: Scene, filled: Archive, pacs_index_url: str
) -> None:
    """There is nothing else left to ask: documented with `pacs reindex`."""
    with scene.database.writing() as connection:
        connection.execute(sa.delete(schema.change))
    scene.end()
    scene.database.close()
    assert list(reindex(pacs_index_url, scene.storage, scene.data)) == []
    scene.database = open_database(pacs_index_url)
    told = {number: claimed or "" for number, (_, claimed, _) in _ARRIVALS.items()}
    by_us = {1: "CT1", 2: "SIXTEEN_OF_THEM_", 8: "CT1"}
    assert senders(scene.database) == told | by_us
    scene.database.close()


def test_who_is_sent_again_has_the_sender_of_what_is_kept(scene: Scene, archive: Archive) -> None:
    """The same bytes from somebody else change nothing."""
    store(archive, 1, Origin(door="dimse", calling_aet="CT1"), None)
    store(archive, 1, Origin(door="dimse", calling_aet="WS1"), None)
    assert senders(scene.database) == {1: "CT1"}


def test_an_anonymous_instance_has_a_sender_in_the_index_alone(scene: Scene) -> None:
    """Its object does not name who sent it; limits by AE title hold all the same."""

    def anonymise(instance: IncomingInstance) -> Coercion:
        return Coercion(dataset=instance.dataset(), anonymous=True)

    scene.on_store = anonymise
    archive = scene.archive()
    store(archive, 1, Origin(door="dimse", calling_aet="CT1"), None)
    assert senders(scene.database) == {1: "CT1"}
    ((data, _),) = scene.storage.objects.values()
    assert source_in(data) == ""


@pytest.mark.parametrize(
    "prefix", [b"", b"\0" * 132, b"\0" * 128 + b"DICM" + b"\2\0\x16\0AE\xff\xff"]
)
def test_a_prefix_that_cannot_be_read_names_nobody(prefix: bytes) -> None:
    assert source_of(Origin(door="import"), prefix) == ""
