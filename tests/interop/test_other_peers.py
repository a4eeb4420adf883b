"""odil and PixelMed's server against ``pacs serve``: two stacks that share nothing with DCMTK."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.testing.sockets import free_port, wait_for_listener

# Some real files are odd, and pydicom says so.
pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore::UserWarning")]

JARS = Path("/usr/share/java")


def run(*command: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=folder,
    )


def headers(files: Iterator[Path] | list[Path]) -> dict[str, pydicom.Dataset]:
    found = (pydicom.dcmread(f, stop_before_pixels=True) for f in files if f.is_file())
    return {str(ds.SOPInstanceUID): ds for ds in found}


@pytest.fixture
def plain_files(real_files: list[Path]) -> list[Path]:
    """Little-endian files: what every peer reads."""
    little = {ExplicitVRLittleEndian, ImplicitVRLittleEndian}
    return [f for f in real_files if pydicom.dcmread(f).file_meta.TransferSyntaxUID in little]


def test_odil_echoes_stores_finds_and_gets(
    archive: ServedArchive, odil: str, real_files: list[Path], tmp_path: Path
) -> None:
    peer = (archive.host, archive.port, "ODIL", archive.aet)
    done = run(odil, "echo", *peer)
    assert done.returncode == 0, done.stderr
    file = next(f for f in real_files if f.name == "CT_small.dcm")
    done = run(odil, "store", *peer, file)
    assert done.returncode == 0, done.stderr
    [(uid, ds)] = headers([file]).items()

    study = f"StudyInstanceUID={ds.StudyInstanceUID}"
    done = run(odil, "find", *peer, "study", "QueryRetrieveLevel=STUDY", study, "PatientName")
    assert done.returncode == 0, done.stderr
    assert str(ds.PatientName) in done.stdout

    out = tmp_path / "odil"
    out.mkdir()
    done = run(odil, "get", "-d", out, *peer, "study", "QueryRetrieveLevel=STUDY", study)
    assert done.returncode == 0, done.stderr
    [got] = [p for p in out.rglob("*") if p.is_file()]
    assert pydicom.dcmread(got).SOPInstanceUID == uid
    assert pydicom.dcmread(got).PixelData == pydicom.dcmread(file).PixelData


@dataclass(frozen=True)
class PixelMed:
    port: int
    images: Path


@pytest.fixture
def pixelmed_port() -> int:
    return free_port()


@pytest.fixture
def archive_for_pixelmed(tmp_path: Path, pixelmed_port: int) -> Iterator[ServedArchive]:
    peer = f'[peers.pixelmed]\naet = "PIXELMED"\nhost = "127.0.0.1"\nport = {pixelmed_port}\n'
    with served(tmp_path / "archive", config=peer) as running:
        yield running
        assert running.stop() == 0


@pytest.fixture
def pixelmed(
    tmp_path: Path, pixelmed_port: int, archive_for_pixelmed: ServedArchive
) -> Iterator[PixelMed]:
    """PixelMed's archive server, told of ours as the peer it may move to."""
    jars = [JARS / f"{n}.jar" for n in ("pixelmed", "hsqldb", "vecmath", "commons-codec")]
    if not jars[0].exists():
        pytest.skip("PixelMed is not installed: apt-get install pixelmed-apps")
    folder = tmp_path / "pixelmed"
    images = folder / "images"
    images.mkdir(parents=True)
    ours = archive_for_pixelmed
    (folder / "server.properties").write_text(
        f"Application.DatabaseFileName={folder / 'database'}\n"
        f"Application.SavedImagesFolderName={images}\n"
        f"Dicom.ListeningPort={pixelmed_port}\n"
        "Dicom.CalledAETitle=PIXELMED\nDicom.CallingAETitle=PIXELMED\n"
        "Dicom.RemoteAEs=ours\n"
        f"Dicom.RemoteAEs.ours.CalledAETitle={ours.aet}\n"
        f"Dicom.RemoteAEs.ours.HostNameOrIPAddress={ours.host}\n"
        f"Dicom.RemoteAEs.ours.Port={ours.port}\n"
        f"WebServer.ListeningPort={free_port()}\n"
    )
    command = [
        "java", "-Djava.awt.headless=true", "-cp", os.pathsep.join(map(str, jars)),
        "com.pixelmed.server.DicomAndWebStorageServer", str(folder / "server.properties"),
    ]  # fmt: skip
    with (
        (folder / "log.txt").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            wait_for_listener("127.0.0.1", pixelmed_port)
            yield PixelMed(pixelmed_port, images)
        finally:
            process.kill()


def test_pixelmed_takes_what_we_store_and_what_we_move(
    archive_for_pixelmed: ServedArchive, pixelmed: PixelMed, plain_files: list[Path]
) -> None:
    """We are the SCU: ``pacs store`` to PixelMed, then C-MOVE of the rest from us to it."""
    archive = archive_for_pixelmed
    direct, moved = plain_files[:2], plain_files[2:]
    done = archive.run("store", "127.0.0.1", str(pixelmed.port), "--aec", "PIXELMED", *direct)
    assert done.returncode == 0, done.stderr
    done = archive.run("store", archive.host, str(archive.port), "--aec", archive.aet, *moved)
    assert done.returncode == 0, done.stderr
    for study in {ds.StudyInstanceUID for ds in headers(moved).values()}:
        done = run(
            "/usr/bin/movescu", "-S", "-aec", archive.aet, "-aem", "PIXELMED", archive.host,
            archive.port, "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    there = headers(list(pixelmed.images.rglob("*")))
    assert there.keys() == headers(plain_files).keys()


def test_pixelmed_moves_its_studies_to_us(
    archive_for_pixelmed: ServedArchive, pixelmed: PixelMed, plain_files: list[Path]
) -> None:
    """We are the SCP of a foreign C-MOVE's sub-operations."""
    archive = archive_for_pixelmed
    done = archive.run("store", "127.0.0.1", str(pixelmed.port), "--aec", "PIXELMED", *plain_files)
    assert done.returncode == 0, done.stderr
    for study in {ds.StudyInstanceUID for ds in headers(plain_files).values()}:
        done = run(
            "/usr/bin/movescu", "-S", "-aec", "PIXELMED", "-aem", archive.aet, "127.0.0.1",
            pixelmed.port, "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    ours = headers(archive.objects())
    assert ours.keys() == headers(plain_files).keys()
    assert archive.command("verify").returncode == 0
