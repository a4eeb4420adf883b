"""The archive's HTTP under granian, which is written in Rust and shares nothing with our server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pydicom.data
import pytest
from pydicom import Dataset
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from pacs_framework.testing.sockets import free_port
from pacs_ups.state.making import new_step

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

_CT = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"
_JSON = {"Content-Type": "application/dicom+json"}
_GLOBAL = "1.2.840.10008.5.1.4.34.5"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive that everybody has to log in to."""
    folder = tmp_path_factory.mktemp("granian")
    file = folder / "pacs.toml"
    file.write_text(
        f'[archive]\ndata = "{folder / "data"}"\n'
        '[plugins]\nallow = ["http", "dicomweb", "ups", "storage-filesystem"]\n'
        '[plugin.http]\nlogin = "required"\n',
        "utf-8",
    )
    return file


@pytest.fixture(scope="module")
def url(config: Path) -> Iterator[str]:
    """Where granian serves it."""
    granian = shutil.which("granian", path=str(Path(sys.executable).parent))
    if granian is None:
        pytest.skip("granian is not installed: pip install granian")
    port = free_port()
    command = [granian, "--interface", "asgi", "--factory", "--port", str(port)]
    environment = {**os.environ, "PACS_CONFIG": str(config)}
    log = config.parent / "log.txt"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [*command, "pacs_http.asgi:application"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as server,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_it_answers(url, server, log)
            yield url
        finally:
            server.terminate()
            assert server.wait(60) == 0


def _wait_until_it_answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    transport = httpx.HTTPTransport(retries=10)  # while nobody listens; each waits twice as long
    with httpx.Client(transport=transport, timeout=60, trust_env=False) as client:
        answered = client.get(f"{url}/health/ready")
    assert answered.status_code == 200, log.read_text("utf-8")
    assert server.poll() is None


@pytest.fixture(scope="module")
def login(config: Path) -> dict[str, str]:
    """What somebody shows who has logged in."""
    done = subprocess.run(
        [sys.executable, "-m", "pacs_framework.cli", "token", "create", "t", "--role", "editor"],
        env={**os.environ, "PACS_CONFIG": str(config)},
        capture_output=True,
        text=True,
        check=True,
    )
    return {"Authorization": f"Bearer {done.stdout.strip()}"}


@pytest.fixture
def client(url: str, login: dict[str, str]) -> Iterator[httpx.Client]:
    """Such a one."""
    with httpx.Client(
        base_url=f"{url}/dicom-web", headers=login, timeout=60, trust_env=False
    ) as client:
        yield client


def test_an_instance_goes_in_and_comes_out_as_it_is(client: httpx.Client) -> None:
    """Byte for byte; and nobody gets it without a login."""
    sent = _CT.read_bytes()
    headers = {"Content-Type": "application/dicom"}
    assert client.post("/studies", content=sent, headers=headers).status_code == 200
    found = pydicom.dcmread(_CT)
    path = (
        f"/studies/{found.StudyInstanceUID}/series/{found.SeriesInstanceUID}"
        f"/instances/{found.SOPInstanceUID}"
    )
    accept = {"Accept": "application/dicom; transfer-syntax=*"}
    answered = client.get(path, headers=accept)
    assert (answered.status_code, answered.content) == (200, sent)
    assert client.get(path, headers={"Authorization": ""}).status_code == 401
    assert client.get("/studies/1%2F2").status_code == 400


def test_its_websockets_are_event_channels(
    client: httpx.Client, url: str, login: dict[str, str]
) -> None:
    """Refused with a problem, or told what happens."""
    channel = url.replace("http", "ws") + "/dicom-web/subscribers/VIEWER"
    with pytest.raises(InvalidStatus) as caught, connect(channel, proxy=None):
        pass
    assert caught.value.response.status_code == 401
    with connect(channel, proxy=None, additional_headers=login) as line:
        assert client.post(f"/workitems/{_GLOBAL}/subscribers/VIEWER").status_code == 201
        made = [new_step("Read it").to_json_dict()]
        done = client.post("/workitems?workitem=1.2.3", json=made, headers=_JSON)
        assert done.status_code == 201
        report = Dataset.from_json(line.recv(60))
    assert (report.AffectedSOPInstanceUID, report.ProcedureStepState) == ("1.2.3", "SCHEDULED")
