"""Large objects go up in parts, and no upload that nobody completes stays."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from pacs_framework.errors import ConfigurationError, StorageError
from pacs_framework.testing.objects import content, get, key_of, keys
from pacs_storage_s3.address import Address
from pacs_storage_s3.bucket import Bucket
from pacs_storage_s3.uploads import Uploads

MIB = 1 << 20

_HALF = textwrap.dedent("""
    import sys
    from pacs_framework.testing.objects import key_of
    from pacs_storage_s3.backend import open_backend
    from pacs_storage_s3.settings import Settings

    backend = open_backend(sys.argv[1], Settings.model_validate_json(sys.argv[2]))
    writer = backend.begin(key_of(backend))
    writer.write(bytes(20 << 20))
    print("half", flush=True)
    sys.stdin.read()
""")


@pytest.fixture
def bucket(place):
    made = Bucket(Address.of(place.url), place.settings())
    yield made
    made.close()


def pending(bucket: Bucket) -> int:
    return len(list(bucket.uploads()))


def test_a_large_object_goes_up_in_parts_with_two_in_memory(place, bucket, monkeypatch) -> None:
    backend = place.open()
    sizes = []
    put_part = Bucket.put_part

    def counted(self, key, upload_id, number, data):
        sizes.append(len(data))
        return put_part(self, key, upload_id, number, data)

    monkeypatch.setattr(Bucket, "put_part", counted)
    key = key_of(backend)
    most = 0
    with backend.begin(key) as writer:
        for _ in range(21):
            writer.write(bytes(MIB))
            most = max(most, len(writer._gathered))
        writer.commit()
    assert sizes == [8 * MIB, 8 * MIB, 5 * MIB]
    assert most <= 8 * MIB
    assert get(backend, key) == bytes(21 * MIB)
    assert pending(bucket) == 0


def test_an_object_of_one_part_is_one_request(place, proxy) -> None:
    backend = place.open(endpoint=proxy.endpoint)
    with backend.begin(key_of(backend)) as writer:
        writer.write(bytes(8 * MIB))
        writer.commit()
    assert [line.partition(" ")[0] for line in proxy.seen] == ["PUT"]


def test_leaving_an_upload_drops_it(place, bucket) -> None:
    backend = place.open()
    with backend.begin(key_of(backend)) as writer:
        writer.write(bytes(20 * MIB))
        assert pending(bucket) == 1
    assert pending(bucket) == 0
    assert backend.recover() == 0


@pytest.mark.crash
def test_the_upload_of_a_killed_process_is_dropped_at_the_next_start(place, bucket) -> None:
    """And no half of its object was ever seen."""
    command = [sys.executable, "-c", _HALF, place.url, place.settings().model_dump_json()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        backend = place.open()
        assert backend.recover() == 0, "its process lives"
        assert pending(bucket) == 1
        process.kill()
        process.wait()
        assert keys(backend) == set()
        assert backend.recover() == 1
    assert pending(bucket) == 0
    assert backend.recover() == 0


def test_uploads_of_machines_that_do_not_come_back_go_by_age(place, bucket, tmp_path) -> None:
    """Those of other keys are somebody else's."""
    backend = place.open()
    ours, foreign = bucket.begin_upload(key_of(backend)), bucket.begin_upload("backup.tar")
    young = Uploads(bucket, folder=tmp_path / "young", abandoned_after=3600)
    old = Uploads(bucket, folder=tmp_path / "old", abandoned_after=-5)
    assert (young.sweep(), old.sweep(), old.sweep()) == (0, 1, 0)
    assert [upload.upload_id for upload, _ in bucket.uploads()] == [foreign]
    bucket.abort_upload("backup.tar", foreign)
    bucket.abort_upload(key_of(backend), ours)  # gone, and no error


def test_no_upload_lasts_as_long_as_an_abandoned_one(place, bucket, tmp_path) -> None:
    uploads = Uploads(bucket, folder=tmp_path / "notes", abandoned_after=-1)
    upload = uploads.begin(key_of(place.open()))
    with pytest.raises(StorageError, match="half of abandoned_after"):
        upload.add(b"x")
    upload.abort()
    uploads.close()


def test_an_upload_that_cannot_be_dropped_is_left_to_the_next_start(
    place, proxy, bucket, logged
) -> None:
    backend = place.open(endpoint=proxy.endpoint, budget=1.0)
    with backend.begin(key_of(backend)) as writer:
        writer.write(bytes(9 * MIB))
        proxy.always = proxy.refuse(503)
    proxy.always = None
    backend.close()
    assert [record["event"] for record in logged] == [
        "an unfinished upload is left to the next start"
    ]
    assert place.open(endpoint=proxy.endpoint).recover() == 1
    assert pending(bucket) == 0


def test_where_uploads_may_not_be_listed_the_archive_starts_and_says_so(
    place, proxy, logged
) -> None:
    proxy.faults = [proxy.refuse(403, "AccessDenied")]
    assert place.open(endpoint=proxy.endpoint).recover() == 0
    [record] = logged
    assert "let a lifecycle rule of the bucket remove them" in record["event"]


def test_a_folder_where_others_may_write_is_refused(place, tmp_path) -> None:
    """Their notes would tell which uploads to drop."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    backend = place.open(state=shared)
    with pytest.raises(ConfigurationError, match="others may write there; set state in"):
        backend.begin(key_of(backend)).write(content(1, 9 * MIB))
