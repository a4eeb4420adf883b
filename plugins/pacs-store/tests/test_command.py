"""``pacs store`` against pynetdicom as the receiver."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)
from pynetdicom import AE, evt

from pacs_framework.testing.forked import run_module
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.sockets import free_port

Handler = Callable[[evt.Event], int]


@pytest.fixture
def receiver() -> Iterator[Callable[..., int]]:
    """Start a pynetdicom SCP with a handler; its port."""
    servers = []

    def start(handler: Handler, *syntaxes: str) -> int:
        ae = AE(ae_title="RECEIVER")
        ae.add_supported_context(CTImageStorage, list(syntaxes) or ExplicitVRLittleEndian)
        server = ae.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, handler)]
        )
        servers.append(server)
        return server.socket.getsockname()[1]

    yield start
    for server in servers:
        server.shutdown()


def pacs_store(port: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = ("pacs_framework.cli", "store", "127.0.0.1", str(port))
    return run_module(*command, *map(str, arguments))


def write(folder: Path, name: str, **attributes: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    make_instance(**attributes).save_as(path, enforce_file_format=True)
    return path


def test_folders_are_searched_and_what_is_not_dicom_is_skipped(
    tmp_path: Path, receiver: Callable[..., int]
) -> None:
    got = []
    port = receiver(lambda event: got.append(event.dataset.PatientID) or 0x0000)
    write(tmp_path, "a/1.dcm", PatientID="A")
    write(tmp_path, "b/c/2", PatientID="B")
    (tmp_path / "b" / "readme.txt").write_text("hello")
    os.mkfifo(tmp_path / "b" / "pipe")  # whoever opens it waits for ever
    done = pacs_store(port, "--aec", "RECEIVER", tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(got) == ["A", "B"]
    assert done.stdout == "2 stored (0 with a warning), 0 failed, 1 skipped\n"
    assert "readme.txt" in done.stderr


def test_a_failure_of_the_peer_is_told_with_its_status_and_exit_code_1(
    tmp_path: Path, receiver: Callable[..., int]
) -> None:
    port = receiver(lambda event: 0xA700 if event.dataset.PatientID == "B" else 0xB000)
    write(tmp_path, "1", PatientID="A")
    refused = write(tmp_path, "2", PatientID="B")
    done = pacs_store(port, tmp_path, "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert (report["stored"], report["warnings"], report["failed"]) == (1, 1, 1)
    statuses = {row["path"]: row["status"] for row in report["instances"]}
    assert statuses[str(refused)] == "A700"


def test_a_named_file_that_is_no_dicom_is_an_error(
    tmp_path: Path, receiver: Callable[..., int]
) -> None:
    text = tmp_path / "readme.txt"
    text.write_text("hello")
    done = pacs_store(receiver(lambda _: 0x0000), text)
    assert done.returncode == 1


def test_an_uncompressed_instance_is_converted_to_what_the_peer_takes(
    tmp_path: Path, receiver: Callable[..., int]
) -> None:
    got = []
    port = receiver(lambda event: got.append(event.dataset) or 0x0000, ImplicitVRLittleEndian)
    file = write(tmp_path, "explicit.dcm")
    done = pacs_store(port, file)
    assert done.returncode == 0, done.stderr
    assert got == [pydicom.dcmread(file)]


def test_a_compressed_instance_that_the_peer_does_not_take_fails_alone(
    tmp_path: Path, receiver: Callable[..., int]
) -> None:
    port = receiver(lambda _: 0x0000)
    write(tmp_path, "plain.dcm")
    compressed = make_instance()
    compressed.file_meta.TransferSyntaxUID = JPEG2000Lossless
    compressed.PixelData = pydicom.encaps.encapsulate([b"no image"])
    compressed["PixelData"].is_undefined_length = True
    compressed["PixelData"].VR = "OB"
    compressed.save_as(tmp_path / "j2k.dcm", enforce_file_format=True)
    done = pacs_store(port, tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("1 stored (0 with a warning), 1 failed")
    assert "j2k.dcm: no response: the peer does not take" in done.stderr


def test_nobody_there_is_one_sentence(tmp_path: Path) -> None:
    done = pacs_store(free_port(), write(tmp_path, "1.dcm"))
    assert done.returncode == 1
    assert "cannot connect" in done.stderr
    assert "Traceback" not in done.stderr
