"""Peers of others: DCMTK sends and receives, dicom3tools judges what is made here."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.testing.sockets import free_port, wait_for_listener
from pacs_non_patient import plugin
from pacs_non_patient.categories import BY_CATEGORY
from pacs_non_patient.collection import Collection
from pacs_non_patient.received import received
from pacs_non_patient.tables import NAME

pytestmark = pytest.mark.interop

_SECONDS = 60


def tool(name: str) -> str:
    path = Path("/usr/bin") / name
    if not path.exists():
        pytest.skip(f"{name} is not installed: apt-get install dcmtk dicom3tools")
    return str(path)


def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool(name), *map(str, arguments)],
        capture_output=True,
        check=False,
        text=True,
        timeout=_SECONDS,
    )


# What storescp takes, which knows no palettes by itself.
_PROFILE = r"""
[[TransferSyntaxes]]
[Plain]
TransferSyntax1 = LittleEndianExplicit
TransferSyntax2 = LittleEndianImplicit
[[PresentationContexts]]
[Palettes]
PresentationContext1 = 1.2.840.10008.5.1.4.39.1\Plain
[[Profiles]]
[Default]
PresentationContexts = Palettes
"""


@contextmanager
def storescp(folder: Path, port: int) -> Iterator[Path]:
    """DCMTK's storescp as RECEIVER; it keeps what it gets bit by bit."""
    folder.mkdir()
    profile = folder.with_suffix(".cfg")
    profile.write_text(_PROFILE, "utf-8")
    options = ["+B", "-xf", str(profile), "Default", "-aet", "RECEIVER", "-od", str(folder)]
    command = [tool("storescp"), *options, str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            wait_for_listener("127.0.0.1", port)
            yield folder
        finally:
            process.terminate()


def data_set(path: Path) -> bytes:
    data = path.read_bytes()
    return data[read_prefix(data).dataset_offset :]


def test_storescu_stores_the_palettes_of_the_standard(pacs_archive, palette_files):
    archive = pacs_archive({NAME: plugin})
    done = run("storescu", "-R", "-aec", archive.aet, archive.host, archive.port, *palette_files)
    assert done.returncode == 0, done.stderr
    collection = Collection.of(archive.archive)
    for path in palette_files:
        kept = collection.open(str(dcmread(path).SOPInstanceUID))
        assert kept is not None
        assert dcmread(path).ContentLabel in kept.dataset.decode("latin-1")


def test_storescp_gets_what_is_moved_to_it(pacs_archive, pacs_association, palette_files, tmp_path):
    """pynetdicom asks, DCMTK receives, byte for byte."""
    port = free_port()
    peers = {"receiver": {"aet": "RECEIVER", "host": "127.0.0.1", "port": port}}
    archive = pacs_archive({NAME: plugin}, settings={"peers": peers})
    collection, sent = Collection.of(archive.archive), {}
    for path in palette_files:
        data = path.read_bytes()
        found = read_prefix(data)
        new = received(found.meta, data[found.dataset_offset :])
        collection.put(new)
        sent[new.sop_instance_uid] = new.dataset
    (model,) = BY_CATEGORY["color-palettes"]
    identifier = Dataset()
    identifier.SOPInstanceUID = list(sent)
    with storescp(tmp_path / "moved", port) as folder:
        association = pacs_association.pynetdicom(archive, model.move)
        responses = list(association.send_c_move(identifier, "RECEIVER", model.move))
        association.release()
        assert responses[-1][0].Status == 0
        assert responses[-1][0].NumberOfCompletedSuboperations == len(sent)
        arrived = {str(dcmread(path).SOPInstanceUID): data_set(path) for path in folder.iterdir()}
    assert arrived == sent


def test_what_the_tests_send_is_what_it_says(hanging_protocol, tmp_path):
    """dciodvfy finds nothing in the hanging protocol that all of them use."""
    path = tmp_path / "hp.dcm"
    dataset = hanging_protocol()
    dataset.save_as(path, implicit_vr=False, little_endian=True, enforce_file_format=False)
    done = run("dciodvfy", "-new", path)
    told = (done.stdout + done.stderr).splitlines()
    assert "HangingProtocol" in told
    assert [line for line in told if line.startswith("Error")] == []
