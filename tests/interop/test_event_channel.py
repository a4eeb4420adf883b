"""The event channel of UPS-RS with WebSockets of others: Node's own, and a browser's."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from pacs_framework.testing.factories import Archives
from pacs_framework.testing.process import ServedArchive
from pacs_ups.state.making import new_step

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

_JSON = {"Content-Type": "application/dicom+json"}
_GLOBAL = "1.2.840.10008.5.1.4.34.5"
_LISTEN = """
function listen(url, protocols) {
  return new Promise((resolve) => {
    const line = new WebSocket(url, protocols);
    let told = null;
    line.onmessage = (message) => { told = JSON.parse(message.data); line.close(1000); };
    line.onclose = (event) => resolve({protocol: line.protocol, code: event.code, told});
  });
}
"""


class _Empty(http.server.BaseHTTPRequestHandler):
    """A page with nothing on it."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>page</title>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def page_url() -> Iterator[str]:
    """The origin of a page, which is not the archive's."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Empty) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def archive(pacs_archive: Archives, page_url: str) -> ServedArchive:
    """Everybody has to log in; that page may call."""
    return pacs_archive.served(
        config='[plugins]\nallow = ["http", "dicomweb", "ups", "storage-filesystem"]\n'
        f'[plugin.http]\nlogin = "required"\ncors_origins = ["{page_url}"]\n'
    )


@pytest.fixture
def token(archive: ServedArchive) -> str:
    done = archive.run("token", "create", "page", "--role", "editor", "--config", archive.config)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def waiting(archive: ServedArchive, token: str) -> str:
    """The address of a channel on which the report of a new step waits, as the archive tells it."""
    headers = {"Authorization": f"Bearer {token}", **_JSON}
    url = f"{archive.doors['http']}/dicom-web/workitems"
    with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:
        done = client.post(f"{url}/{_GLOBAL}/subscribers/VIEWER")
        assert done.status_code == 201, done.text
        made = client.post(f"{url}?workitem=1.2.3", json=[new_step("Read it").to_json_dict()])
        assert made.status_code == 201, made.text
    return done.headers["content-location"]


def _is_told(found: dict) -> bool:
    told = found["told"]
    return (
        (found["protocol"], found["code"]) == ("dicom-events", 1000)
        and told["00001000"]["Value"] == ["1.2.3"]
        and told["00741000"]["Value"] == ["SCHEDULED"]
    )


def test_node_opens_a_channel_and_is_told(waiting: str, token: str) -> None:
    """Its WebSocket is that of the web platform, and shows its token as pages do."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    script = (
        f"{_LISTEN} if (typeof WebSocket === 'undefined') console.log('none');"
        "else listen(process.argv[1], ['dicom-events', 'bearer.' + process.argv[2]])"
        ".then((found) => console.log(JSON.stringify(found)));"
    )
    for flags in (["--experimental-websocket"], []):
        done = subprocess.run(
            [node, *flags, "-e", script, waiting, token],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode == 0:
            break
    if done.stdout.strip() == "none" or done.returncode == 9:  # an unknown option
        pytest.skip("this node has no WebSocket")
    assert done.returncode == 0, done.stderr
    assert _is_told(json.loads(done.stdout))


def test_a_page_in_a_browser_is_told_if_its_origin_is_known(
    waiting: str, token: str, page_url: str
) -> None:
    """One of another origin cannot open the channel, token or not, and nothing is lost by it."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium", path="/usr/bin")
    if chromium is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    script = f"([url, token]) => {{ {_LISTEN} return listen(url, ['dicom-events', token]); }}"
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with closing(browser):
            page = browser.new_page()
            page.goto(page_url.replace("127.0.0.1", "localhost"))
            refused = page.evaluate(script, [waiting, f"bearer.{token}"])
            page.goto(page_url)
            told = page.evaluate(script, [waiting, f"bearer.{token}"])
    assert (refused["code"], refused["told"]) == (1006, None)
    assert _is_told(told)
