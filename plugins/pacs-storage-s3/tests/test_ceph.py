"""Ceph's RADOS Gateway as the store: checked signatures, ranges, parts, versions, object lock.

Slow (its cluster takes a quarter of a minute to come up), so only with ``CEPH=1`` in the
environment, and with Debian's packages ``radosgw ceph-mon ceph-osd``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from pacs_framework.errors import StorageError
from pacs_framework.testing.objects import content, get, key_of, keys, put_new
from pacs_framework.testing.sockets import free_port
from pacs_framework.testing.threads import run_in_threads
from pacs_storage_s3.address import Address
from pacs_storage_s3.backend import S3Backend, open_backend
from pacs_storage_s3.connecting import connect
from pacs_storage_s3.settings import Settings

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif("CEPH" not in os.environ, reason="slow: set CEPH=1 to run it"),
]

ACCESS, SECRET = "AKIAPACSTESTS0000001", "this-is-known-to-everybody"
PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw")
LARGE = 20 << 20
CONFIG = """
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{mon}
mon initial members = a
keyring = {folder}/keyring
mon data = {folder}/mon
osd data = {folder}/osd
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
mon cluster log file = {folder}/cluster.log
pid file =
public addr = 127.0.0.1
ms bind msgr1 = false
osd objectstore = memstore
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{port}
"""
CAPS = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
    "client.rgw": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *", "mgr": "allow profile osd"},
}


class Cluster:
    """A monitor, one OSD in memory and a gateway, on free ports of this machine."""

    def __init__(self, folder: Path) -> None:
        for program in PROGRAMS:
            if shutil.which(program) is None:
                pytest.skip(f"Ceph's {program} is not installed")
        self.folder = folder
        self.running: list[subprocess.Popen[bytes]] = []
        mon, port, fsid = free_port(), free_port(), uuid.uuid4()
        config = CONFIG.format(fsid=fsid, mon=mon, port=port, folder=folder)
        (folder / "ceph.conf").write_text(config)
        (folder / "mon").mkdir()
        (folder / "osd").mkdir()
        self.endpoint = f"http://127.0.0.1:{port}"
        self._start(fsid, mon)

    def run(self, *command: object) -> None:
        done = subprocess.run(
            [*map(str, command)], cwd=self.folder, capture_output=True, check=False, timeout=60
        )
        assert done.returncode == 0, (command, done.stderr)

    def serve(self, *command: str) -> None:
        self.running.append(
            subprocess.Popen(
                [*command, "-f", "-c", "ceph.conf"],
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    def _start(self, fsid: uuid.UUID, mon: int) -> None:
        address, osd = f"[v2:127.0.0.1:{mon}]", uuid.uuid4()
        for name, caps in CAPS.items():
            given = [part for kind, text in caps.items() for part in ("--cap", kind, text)]
            create = ["--create-keyring"] if name == "mon." else []
            self.run("ceph-authtool", "keyring", *create, "--gen-key", "-n", name, *given)
        self.run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, "monmap")
        made = ("--mkfs", "--monmap", "monmap", "--keyring", "keyring", "-c", "ceph.conf")
        self.run("ceph-mon", "-i", "a", *made)
        self.serve("ceph-mon", "-i", "a")
        self.run("ceph", "-c", "ceph.conf", "osd", "new", osd)
        self.run("ceph", "-c", "ceph.conf", "auth", "import", "-i", "keyring")
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd, "-c", "ceph.conf")
        self.serve("ceph-osd", "-i", "0")
        self.run(
            *("radosgw-admin", "-c", "ceph.conf", "-n", "client.rgw", "user", "create"),
            *("--uid=pacs", "--display-name=pacs", f"--access-key={ACCESS}", f"--secret={SECRET}"),
        )
        self.serve("radosgw", "-n", "client.rgw")
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                urlopen(self.endpoint).close()
            except URLError:
                time.sleep(0.2)
            else:
                return
        raise AssertionError("the gateway did not come up")

    def stop(self) -> None:
        for process in reversed(self.running):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    folder = Path(tempfile.mkdtemp(prefix="pacs-ceph-"))  # short: a socket's path has a limit
    credentials = folder / "credentials"
    credentials.write_text(
        f"[default]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n"
    )
    cluster = Cluster(folder)
    try:
        made = Settings(
            endpoint=cluster.endpoint, credentials_file=credentials, state=folder / "state"
        )
        client = connect(Address.of("s3://pacs"), made).client
        client.create_bucket(Bucket="pacs")
        client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
        client.close()
        # What the library waits with is opened once and stays open.
        with closing(open_backend("s3://pacs/x", made)) as backend:
            assert keys(backend) == set()
        yield made
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def client(settings: Settings):
    made = connect(Address.of("s3://pacs"), settings).client
    yield made
    made.close()


@pytest.fixture
def backend(settings: Settings, tmp_path: Path) -> Iterator[S3Backend]:
    opened = open_backend(f"s3://pacs/{tmp_path.name}", settings)
    yield opened
    opened.close()


@pytest.mark.parametrize("size", [5000, LARGE])
def test_objects_come_back_whole_and_in_ranges(backend, size: int) -> None:
    key = put_new(backend, content(1, size))
    same = get(backend, key) == content(1, size)
    assert same
    with backend.open(key, offset=size - 3000, length=1000) as source:
        assert source.read() == content(1, size)[-3000:-2000]
    assert keys(backend) == {key}
    backend.delete(key)
    assert keys(backend) == set()


def test_this_store_refuses_what_arrives_damaged_and_is_trusted(backend, logged) -> None:
    put_new(backend, b"x")
    assert logged == []


def test_sixteen_threads_store_and_read(backend) -> None:
    def work() -> None:
        for _ in range(5):
            number = int.from_bytes(os.urandom(4))
            key = put_new(backend, content(number, 5000), number)
            assert get(backend, key) == content(number, 5000)

    run_in_threads(work, 16)
    assert len(keys(backend)) == 80


def test_an_upload_that_is_left_is_dropped(backend, client) -> None:
    with backend.begin(key_of(backend, size=LARGE)) as writer:
        writer.write(bytes(LARGE))
        assert client.list_multipart_uploads(Bucket="pacs").get("Uploads")
    assert not client.list_multipart_uploads(Bucket="pacs").get("Uploads")
    assert backend.recover() == 0


def test_in_a_bucket_with_versions_a_delete_hides(settings, client) -> None:
    """And an object has one version only."""
    client.put_bucket_versioning(Bucket="locked", VersioningConfiguration={"Status": "Enabled"})
    backend = open_backend("s3://locked/versions", settings)
    key = put_new(backend, b"x")
    backend.delete(key)
    assert keys(backend) == set()
    found = client.list_object_versions(Bucket="locked", Prefix="versions/")
    assert len(found["Versions"]) == 1
    backend.close()


@pytest.mark.parametrize("size", [5000, LARGE])
def test_in_a_locked_bucket_objects_are_kept_and_hidden(settings, client, size: int) -> None:
    """The retention of the bucket holds for what we put there."""
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    client.put_object_lock_configuration(
        Bucket="locked",
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
    )
    backend = open_backend("s3://locked/lock", settings)
    key = put_new(backend, content(1, size))
    same = get(backend, key) == content(1, size)
    assert same
    until = client.head_object(Bucket="locked", Key=f"lock/{key}")["ObjectLockRetainUntilDate"]
    assert until > datetime.now(UTC) + timedelta(hours=12)
    backend.delete(key)
    assert key not in keys(backend)
    backend.close()


def test_a_wrong_secret_is_refused(settings, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text(f"[default]\naws_access_key_id = {ACCESS}\naws_secret_access_key = no\n")
    backend = open_backend(
        "s3://pacs/x", settings.model_copy(update={"credentials_file": wrong, "budget": 3.0})
    )
    with pytest.raises(StorageError, match="SignatureDoesNotMatch; look at the credentials"):
        put_new(backend, b"x")
    backend.close()
