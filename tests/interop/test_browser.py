"""A real browser shows a stored slice: Chromium, dicomweb-client and Cornerstone, from elsewhere.

The page comes from another port than the archive, as that of any viewer does, so every request of
it has to pass the rules of browsers for other origins (CORS).
"""

from __future__ import annotations

import http.server
import io
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
from PIL import Image

from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.rendering.drawing import View, pictures
from pacs_framework.rendering.opening import open_image
from pacs_framework.rendering.voi import Window
from pacs_framework.testing.factories import Archives

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

_PAGE = Path(__file__).parent / "viewer.html"
_CT = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"
_PACKAGES = ("dicomweb-client/build/dicomweb-client.js", "cornerstone-core/dist/cornerstone.js")
_PATIENCE = 60_000  # milliseconds


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's browser."""
    path = shutil.which("chromium", path="/usr/bin")
    if path is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    return path


@pytest.fixture(scope="session")
def modules() -> Path:
    """The folder of npm's packages."""
    for folder in os.environ.get("NODE_PATH", "").split(os.pathsep):
        if folder and all((Path(folder) / each).exists() for each in _PACKAGES):
            return Path(folder)
    pytest.skip("npm packages dicomweb-client and cornerstone-core are not in NODE_PATH")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Files without a word for each."""

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _page_server(folder: Path) -> Iterator[str]:
    """Where ``folder`` is served from."""
    handler = partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def page_url(tmp_path: Path, modules: Path) -> Iterator[str]:
    """The origin of the viewer's page."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text(_PAGE.read_text("utf-8"), "utf-8")
    (folder / "modules").symlink_to(modules)
    with _page_server(folder) as url:
        yield url


@contextmanager
def _browser_page(chromium: str, url: str) -> Iterator:
    with sync_api.sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"]
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        try:
            page = browser.new_page(viewport={"width": 800, "height": 800})
            page.set_default_timeout(_PATIENCE)
            page.goto(url)
            yield page
        finally:
            browser.close()


def _ours(file: Path) -> np.ndarray:
    """The slice as the kernel draws it."""
    with file.open("rb") as source:
        image = open_image(source, CodecRegistry())
        view = View(window=Window(40, 400), square_pixels=False)
        ((_, picture),) = pictures(image, range(1, 2), view)
        return picture.pixels.astype(int)


def _screenshot(page, selector: str) -> np.ndarray:
    taken = Image.open(io.BytesIO(page.locator(selector).screenshot()))
    return np.asarray(taken.convert("L")).astype(int)


def test_a_viewer_in_a_browser_shows_a_stored_slice(
    pacs_archive: Archives, page_url: str, chromium: str
) -> None:
    """What is on the screen is the slice: drawn by the viewer, and drawn by the archive.

    The same page from an origin that the configuration does not name gets nothing.
    """
    archive = pacs_archive.served(config=f'[plugin.http]\ncors_origins = ["{page_url}"]\n')
    service = f"{archive.doors['http']}/dicom-web"
    stored = archive.run("store", archive.host, archive.port, _CT)
    assert stored.returncode == 0, stored.stderr
    with _browser_page(chromium, page_url) as page:
        shown = page.evaluate("url => show(url)", service)
        assert shown["sopInstanceUID"] == pydicom.dcmread(_CT).SOPInstanceUID
        viewer, picture = _screenshot(page, "#slice"), _screenshot(page, "#picture")
        page.goto(page_url.replace("127.0.0.1", "localhost"))
        refused = page.evaluate(
            "url => fetch(url).then(() => 'answered', error => error.name)", f"{service}/studies"
        )
    assert refused == "TypeError"
    ours = _ours(_CT)
    assert ours.std() > 20, "the slice itself has to show something"
    assert picture.shape == ours.shape
    assert np.abs(picture - ours).max() <= 1
    times = viewer.shape[0] // ours.shape[0]
    enlarged = ours.repeat(times, axis=0).repeat(times, axis=1)
    difference = np.abs(viewer - enlarged)
    assert np.median(difference) <= 1
    assert difference.mean() < 2, "the viewer draws another picture"
