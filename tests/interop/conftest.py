"""Independent peers from Debian packages; what is not installed is skipped with that reason."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pydicom.data
import pytest

from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.testing.sockets import free_port

# The folder itself: pydicom.data would look for further files on the network.
BUNDLED = Path(pydicom.data.__file__).parent / "test_files"

# Cut short or made wrong on purpose: they have tests of their own.
BROKEN = ("rtplan_truncated.dcm", "MR_truncated.dcm", "badVR.dcm")
NEEDED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")


@pytest.fixture(scope="session")
def real_files() -> list[Path]:
    """Files bundled with pydicom, one for each SOP Instance UID: of several files with one UID the
    one whose transfer syntax is rarest, so that many syntaxes and SOP classes take part.
    """
    variants: dict[str, list[tuple[str, Path]]] = defaultdict(list)
    for file in sorted(BUNDLED.glob("*.dcm")):
        ds = pydicom.dcmread(file, stop_before_pixels=True, force=True)
        syntax = ds.file_meta.get("TransferSyntaxUID")
        if syntax and file.name not in BROKEN and all(ds.get(keyword) for keyword in NEEDED):
            variants[str(ds.SOPInstanceUID)].append((str(syntax), file))
    chosen: Counter[str] = Counter()
    files = []
    for several in variants.values():
        syntax, file = min(several, key=lambda variant: chosen[variant[0]])
        chosen[syntax] += 1
        files.append(file)
    assert len(files) >= 30
    assert len(chosen) >= 8, "pydicom's bundled files have changed"
    return files


@pytest.fixture(scope="session")
def dcmtk() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run one of DCMTK's tools by its full path (pynetdicom installs tools of the same names)."""
    if not Path("/usr/bin/storescu").exists():
        pytest.skip("DCMTK is not installed: apt-get install dcmtk")

    def run(tool: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [f"/usr/bin/{tool}", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    return run


@pytest.fixture
def receiver_port() -> int:
    return free_port()


@pytest.fixture
def archive(tmp_path: Path, receiver_port: int) -> Iterator[ServedArchive]:
    """``pacs serve`` as `make run` starts it, with one peer that C-MOVE can send to."""
    peer = f'[peers.receiver]\naet = "RECEIVER"\nhost = "127.0.0.1"\nport = {receiver_port}\n'
    with served(tmp_path / "archive", config=peer) as running:
        yield running
        assert running.stop() == 0


@pytest.fixture(scope="session")
def odil() -> str:
    path = shutil.which("odil", path="/usr/bin")
    if path is None:
        pytest.skip("odil is not installed: apt-get install odil")
    return path
