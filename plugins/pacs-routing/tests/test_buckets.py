"""Destinations that are buckets: rclone's S3 server."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import S3Store
from pydantic import ValidationError
from pydicom import dcmread
from routing_nodes import QUICK, jobs_of, place_at, routing, settled, until

from pacs_framework.jobs import JobState
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.listening import Listening
from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_framework.testing.rclone import RcloneMissing, rclone, serve_s3
from pacs_framework.testing.running import RunningArchive
from pacs_framework.testing.sockets import free_port
from pacs_routing.places.contract import Away
from pacs_routing.settings import RoutingSettings

_ACCESS, _SECRET = "AKIAPACSTESTS0000001", "this-is-known-to-everybody"
_KEYS = f"[default]\naws_access_key_id = {_ACCESS}\naws_secret_access_key = {{}}\n"


@pytest.fixture(scope="session", autouse=True)
def runtime() -> None:
    """What the library waits with is opened once in a process, and stays open."""
    store = S3Store(
        "x",
        endpoint=f"http://127.0.0.1:{free_port()}",
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
        skip_signature=True,
    )
    with suppress(Exception):
        obstore.head(store, "x")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Listening]:
    """An S3 server with the bucket ``pacs``, whose objects are files."""
    try:
        rclone()
    except RcloneMissing as missing:
        pytest.skip(str(missing))
    (tmp_path / "objects" / "pacs").mkdir(parents=True)
    served = serve_s3(str(tmp_path / "objects"), "--auth-key", f"{_ACCESS},{_SECRET}")
    yield served
    served.stop()


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The file with the right ones."""
    file = tmp_path / "credentials"
    file.write_text(_KEYS.format(_SECRET))
    return file


def sending(
    archives: Archives,
    server: Listening,
    keys: Path,
    archive: dict[str, Any] | None = None,
    **more: Any,
) -> RunningArchive:
    """An archive that sends everything to the bucket."""
    where = {
        "name": "bucket",
        "bucket": "s3://pacs/sent",
        "endpoint": server.url,
        "credentials_file": str(keys),
        "file_name": "{PatientID}/{SOPInstanceUID}.dcm",
        **QUICK,
        **more,
    }
    return routing(archives, destinations=[where], **(archive or {}))


def test_each_instance_becomes_an_object(
    pacs_archive: Archives, server: Listening, keys: Path, tmp_path: Path
) -> None:
    """Under the name that is made of its attributes, whole; a large one goes in parts."""
    source = sending(pacs_archive, server, keys)
    assert place_at(source).check() == "the bucket can be listed"
    small = make_instance(PatientID="P1")
    large = make_instance(PatientID="P2", Rows=3072, Columns=2048, PixelData=bytes(12 << 20))
    source.take_in(small, large)
    settled(source, 2)
    for made in (small, large):
        key = tmp_path / "objects/pacs/sent" / made.PatientID / f"{made.SOPInstanceUID}.dcm"
        assert dcmread(key) == made
    assert len(list((tmp_path / "objects").rglob("*.dcm"))) == 2


def test_what_is_read_by_another_client_is_what_was_sent(
    pacs_archive: Archives, server: Listening, keys: Path
) -> None:
    """obstore with keys of its own; sent again by hand it replaces itself."""
    source = sending(pacs_archive, server, keys)
    made = make_instance(PatientID="P1")
    source.take_in(made)
    settled(source, 1)
    store = S3Store(
        "pacs",
        endpoint=server.url,
        access_key_id=_ACCESS,
        secret_access_key=_SECRET,
        client_options={"allow_http": True},
    )
    data = obstore.get(store, f"sent/P1/{made.SOPInstanceUID}.dcm").bytes()
    assert dcmread(io.BytesIO(bytes(data))) == made


def test_a_store_that_is_away_gets_everything_when_it_is_back(
    pacs_archive: Archives, server: Listening, tmp_path: Path
) -> None:
    """Wrong keys are as good as nobody there: all waits with the reason, and no attempt counts."""
    wrong = tmp_path / "wrong"
    wrong.write_text(_KEYS.format("wrong"))
    storage = MemoryStorage()
    hasty = {"timeout": 3, "attempts": 1}
    source = sending(pacs_archive, server, wrong, archive={"storage": storage}, **hasty)
    with pytest.raises(Away):
        place_at(source).check()
    made = make_instance(PatientID="P1")
    source.take_in(made)
    until(lambda: any(job.error for job in jobs_of(source, JobState.WAITING)))
    data = source.data
    source.stop()
    wrong.write_text(_KEYS.format(_SECRET))
    kept = {"storage": storage, "folder": data}
    again = sending(pacs_archive, server, wrong, archive=kept, **hasty)
    settled(again, 1)
    assert [job.attempts for job in jobs_of(again)] == [0]


def test_keys_that_cannot_be_read_are_told(
    pacs_archive: Archives, server: Listening, tmp_path: Path
) -> None:
    """Without what stands in the file."""
    broken = tmp_path / "broken"
    broken.write_text("aws_secret_access_key = very-secret\n")
    source = sending(pacs_archive, server, broken)
    with pytest.raises(Away, match=r"has no section \[default\]") as told:
        place_at(source).check()
    assert "very-secret" not in str(told.value)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bucket": "s3://UPPER"}, "names no place in a bucket"),
        ({"bucket": "gs://pacs"}, "write s3://"),
        ({"bucket": "s3://pacs", "folder": "out"}, "one of peer, url, folder, bucket"),
        ({"bucket": "s3://pacs", "user": "u"}, "user is for one with a url"),
        ({"folder": "out", "endpoint": "http://host"}, "endpoint is for one with a bucket"),
        ({"peer": "X", "ca": "ca.pem"}, "ca is for one with a url or a bucket"),
    ],
)
def test_a_bucket_that_cannot_be_stops_the_start(wrong: dict[str, str], said: str) -> None:
    """Before anything waits for it."""
    with pytest.raises(ValidationError, match=said):
        RoutingSettings(destination=[{"name": "bucket", **wrong}])
