"""Studies are taken over from archives of others, with a kill in the middle, and over TLS."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pacs_framework.testing.certificates import Certificates, make_certificates
from pacs_framework.testing.forked import run_module, start_module
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.testing.sockets import free_port, wait_for_listener

STUDIES, INSTANCES = 6, 4


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[None]:
    with (
        (folder / "log.txt").open("ab") as log,
        subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as process,
    ):
        try:
            yield
        finally:
            process.terminate()


@contextmanager
def orthanc(folder: Path, port: int, ours: int, tls: Certificates | None = None) -> Iterator[None]:
    if shutil.which("Orthanc") is None:
        pytest.skip("Debian package orthanc is not installed")
    settings = {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "DicomAet": "OLD",
        "DicomPort": port,
        "HttpServerEnabled": False,
        "DicomModalities": {
            "new": {"AET": "PACS", "Host": "127.0.0.1", "Port": ours, "UseDicomTls": bool(tls)}
        },
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowMove": True,
        "DicomAlwaysAllowGet": True,
        "Plugins": [],
    }
    if tls is not None:
        settings |= {
            "DicomTlsEnabled": True,
            "DicomTlsRemoteCertificateRequired": True,
            "DicomTlsCertificate": str(tls.server),
            "DicomTlsPrivateKey": str(tls.server),
            "DicomTlsTrustedCertificates": str(tls.ca),
        }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with running(["Orthanc", "orthanc.json"], folder):
        wait_for_listener("127.0.0.1", port, seconds=120)
        yield


@contextmanager
def dcmqrscp(folder: Path, port: int, ours: int) -> Iterator[None]:
    if not Path("/usr/bin/dcmqrscp").exists():
        pytest.skip("DCMTK is not installed: apt-get install dcmtk")
    (folder / "OLD").mkdir()
    (folder / "dcmqrscp.cfg").write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\nnew = (PACS, 127.0.0.1, {ours})\nHostTable END\n"
        "VendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nOLD {folder / 'OLD'} RW (200, 1024mb) ANY\nAETable END\n"
    )
    with running(["/usr/bin/dcmqrscp", "-c", "dcmqrscp.cfg"], folder):
        wait_for_listener("127.0.0.1", port, seconds=60)
        yield


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with the instances of some studies."""
    files = tmp_path / "files"
    files.mkdir()
    for study in range(STUDIES):
        for number in range(INSTANCES):
            instance = make_instance(
                StudyInstanceUID=f"2.25.{study + 1}",
                SeriesInstanceUID=f"2.25.{study + 1}.1",
                StudyDate=f"202601{study + 1:02}",
                PatientID="P1",
            )
            instance.save_as(files / f"{study}-{number}.dcm", enforce_file_format=True)
    return files


@pytest.fixture(params=[orthanc, dcmqrscp], ids=lambda peer: peer.__name__)
def old(
    request: pytest.FixtureRequest, tmp_path: Path, files: Path, dcmtk: Callable[..., object]
) -> Iterator[tuple[int, int]]:
    """The ports of an old archive with some studies, and that of the new one that it knows."""
    port, ours = free_port(), free_port()
    folder = tmp_path / "old"
    folder.mkdir()
    with request.param(folder, port, ours):
        sent = dcmtk("storescu", "-aec", "OLD", "+sd", "127.0.0.1", port, files)
        assert sent.returncode == 0, sent.stderr  # type: ignore[attr-defined]
        yield port, ours


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    folder = tmp_path / "certificates"
    folder.mkdir()
    return make_certificates(folder)


@pytest.fixture
def old_over_tls(
    tmp_path: Path, files: Path, certificates: Certificates, dcmtk: Callable[..., object]
) -> Iterator[tuple[int, int]]:
    """The same, reached only over TLS with a certificate, and sending so (dcmqrscp cannot)."""
    port, ours = free_port(), free_port()
    folder = tmp_path / "old"
    folder.mkdir()
    shown = ("+tls", certificates.client, certificates.client, "+cf", certificates.ca)
    with orthanc(folder, port, ours, certificates):
        sent = dcmtk("storescu", *shown, "-aec", "OLD", "+sd", "127.0.0.1", port, files)
        assert sent.returncode == 0, sent.stderr  # type: ignore[attr-defined]
        yield port, ours


@contextmanager
def new_archive(folder: Path, old: tuple[int, int], config: str = "") -> Iterator[ServedArchive]:
    peer = f'[peers.OLD]\naet = "OLD"\nhost = "127.0.0.1"\nport = {old[0]}\n'
    with served(folder, config=peer + config, options=["--port", str(old[1])]) as archive:
        yield archive


def over_tls(certificates: Certificates, shown: Path) -> str:
    """``tls = true`` for the peer before it, and a listener that wants certificates too."""
    return (
        f'tls = true\n[network.tls]\nenabled = true\ncertificate = "{shown}"\n'
        f'key = "{shown}"\nca = "{certificates.ca}"\nclient_certificates = "required"\n'
    )


def verified(archive: ServedArchive) -> int:
    report = json.loads(archive.command("verify", "--json").stdout)
    assert report["findings"] == []
    return int(report["instances"])


def test_a_move_that_was_killed_goes_on(old: tuple[int, int], tmp_path: Path) -> None:
    """Studies that were done are not asked for again, and at the end both have the same."""
    with new_archive(tmp_path / "new", old) as archive:
        command = ["pacs_framework.cli", "import", "from", "OLD"]
        command += ["--config", str(archive.config), "--pause", "0.5"]
        state = archive.data / "imports" / "OLD.jsonl"
        with start_module(*command, stderr=sys.stderr, environment=os.environ) as process:
            wait_for_lines(state, 2)
            process.send_signal(signal.SIGKILL)
        done = len(state.read_text().splitlines())
        assert 2 <= done < STUDIES
        result = archive.run(
            "import",
            "from",
            "OLD",
            "--config",
            archive.config,
            "--date",
            "20260101-20260131",
            "--json",
        )
        assert result.returncode == 0, result.stderr
        report = json.loads(result.stdout)
        assert (report["before"], report["done"], report["failed"]) == (done, STUDIES - done, 0)
        assert verified(archive) == STUDIES * INSTANCES


def test_studies_come_by_get_without_a_port(old: tuple[int, int], tmp_path: Path) -> None:
    """The old archive needs to know nothing but our AE title."""
    with new_archive(tmp_path / "new", old) as archive:
        assert archive.stop() == 0
        result = archive.run(
            "import", "from", "OLD", "--config", archive.config, "--get", "--at-once", "2", "--json"
        )
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout)["done"] == STUDIES
        assert verified(archive) == STUDIES * INSTANCES


def test_a_study_that_the_peer_has_not_is_an_error(old: tuple[int, int], tmp_path: Path) -> None:
    """And a receiver of the command's own takes the one that it has."""
    with new_archive(tmp_path / "new", old) as archive:
        assert archive.stop() == 0
        nobody = archive.run("import", "from", "OLD", "--config", archive.config)
        assert nobody.returncode == 1
        assert "no archive is running" in nobody.stderr
        wanted = ("--study", "2.25.1", "--study", "2.25.99", "--port", old[1])
        result = archive.run("import", "from", "OLD", "--config", archive.config, *wanted, "--json")
        assert result.returncode == 1, result.stderr
        report = json.loads(result.stdout)
        assert (report["done"], report["unknown"]) == (1, ["2.25.99"])
        assert verified(archive) == INSTANCES


def test_studies_come_over_tls(
    old_over_tls: tuple[int, int], tmp_path: Path, certificates: Certificates
) -> None:
    """Both archives show certificates and check the other's, also on the way back by C-MOVE."""
    config = over_tls(certificates, certificates.server)
    with new_archive(tmp_path / "new", old_over_tls, config) as archive:
        for options, studies in ((("--study", "2.25.1"), 1), (("--get",), STUDIES - 1)):
            command = ("import", "from", "OLD", "--config", archive.config, *options)
            result = archive.run(*command, "--json")
            assert result.returncode == 0, result.stderr
            assert json.loads(result.stdout)["done"] == studies
        assert verified(archive) == STUDIES * INSTANCES


def test_nothing_is_asked_in_the_clear_or_as_a_stranger(
    old_over_tls: tuple[int, int], tmp_path: Path, certificates: Certificates
) -> None:
    """An archive that wants TLS and a certificate is not reached without; the command says so."""
    place = tmp_path / "pacs.toml"
    command = ("pacs_framework.cli", "import", "from", "OLD", "--get")
    ways = {"without TLS": "", "over TLS": over_tls(certificates, certificates.stranger)}
    for way, config in ways.items():
        place.write_text(
            f'[archive]\ndata = "{tmp_path / "new"}"\n'
            f'[peers.OLD]\naet = "OLD"\nhost = "127.0.0.1"\nport = {old_over_tls[0]}\n{config}'
        )
        result = run_module(*command, "--config", str(place), seconds=120)
        assert result.returncode == 1
        said = f"Error: [peers.OLD] at 127.0.0.1:{old_over_tls[0]}, {way}: "
        assert said in result.stderr


def wait_for_lines(path: Path, number: int) -> None:
    """Another process writes them; there is nothing to be woken by."""
    pause = threading.Event()
    for _ in range(1200):
        if path.exists() and path.read_text().count("\n") >= number:
            return
        pause.wait(0.05)
    raise TimeoutError(f"{path} has no {number} lines after a minute")
