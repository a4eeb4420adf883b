"""What the bench puts into a store without an archive: as many objects as an archive would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.client.process import ClientFailed, ClientProcess
from bench.client.putting import Place, put_objects
from bench.client.tasks import Store
from bench.data import Uids, instances, kind_named

from pacs_storage_s3.serving import PrivateS3, S3Missing

COUNT = 12


@pytest.fixture
def store() -> Iterator[PrivateS3]:
    """Skips where there is no rclone."""
    try:
        private = PrivateS3()
    except S3Missing as missing:
        pytest.skip(str(missing))
    with private:
        yield private


@pytest.fixture
def client() -> Iterator[ClientProcess]:
    """A process: the library keeps threads and descriptors for as long as its process lives."""
    with ClientProcess() as process:
        yield process


def place(store: PrivateS3, bucket: str) -> Place:
    """A bucket of the store."""
    return Place(store.endpoint, bucket, store.credentials_file)


def files(folder: Path) -> list[Path]:
    """All below it."""
    return [path for path in folder.rglob("*") if path.is_file()]


def test_every_data_set_is_an_object_of_its_own(store: PrivateS3, client: ClientProcess) -> None:
    """With all of its bytes, or the ceiling would be that of something smaller."""
    sample = client.run(put_objects, place(store, "pacs"), Store("mr", COUNT, 4, "run"))
    [instance] = instances(kind_named("mr"), Uids("run"), 1)
    whole = b"".join(instance.pieces())
    kept = files(store.bucket)
    assert sample.count == len(kept) == COUNT
    assert {path.read_bytes() for path in kept} == {whole}


def test_store_that_refuses_ends_the_sample(store: PrivateS3, client: ClientProcess) -> None:
    """What is not kept is no figure."""
    with pytest.raises(ClientFailed, match=r"NoSuchBucket|404"):
        client.run(put_objects, place(store, "elsewhere"), Store("mr", COUNT, 4, "run"))
