"""A whole archive whose objects are in a bucket, with DCMTK's programs as its peers."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import served
from pacs_framework.testing.suites.bucket_archive import ArchiveSuite
from pacs_storage_s3.address import Address
from pacs_storage_s3.connecting import connect


class TestArchive(ArchiveSuite):
    """In a bucket of rclone's server."""


@pytest.mark.interop
def test_the_digests_of_its_arrival_are_with_an_object(place, tmp_path: Path) -> None:
    """Any client of S3 tells them, and whoever has SHA-256 can check them."""
    if (storescu := shutil.which("storescu")) is None:
        pytest.skip("storescu is not installed: apt-get install dcmtk")
    file = tmp_path / "sent.dcm"
    make_instance().save_as(file, enforce_file_format=True)
    with served(tmp_path / "archive", config=place.toml()) as archive:
        command = [storescu, "-aec", archive.aet, archive.host, str(archive.port), str(file)]
        subprocess.run(command, check=True, timeout=120)
    with closing(connect(Address.of(place.url), place.settings()).client) as client:
        [listed] = client.list_objects_v2(Bucket="pacs", Prefix=f"{tmp_path.name}/")["Contents"]
        found = client.get_object(Bucket="pacs", Key=listed["Key"])
        data = found["Body"].read()
    metadata = {name.lower(): text for name, text in found["Metadata"].items()}
    offset, first, rest = metadata["pacs-sha256-split"].split("-")
    parts = (data[: int(offset)], data[int(offset) :])
    assert [hashlib.sha256(part).hexdigest() for part in parts] == [first, rest]
    assert 132 < int(offset) < len(data)
