"""DCMTK beside us: dcmpsprt and dcmprscu print on this printer, and we print on dcmprscp."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from conftest import Start
from print_peers import until

from pacs_framework.cli.main import main
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.testing.running import RunningArchive
from pacs_framework.testing.sockets import free_port
from pacs_print.queue.book import Book
from pacs_print.queue.model import State
from pacs_print.scu.preparing import Look, prepared

Jobs = Callable[[RunningArchive], Book]

pytestmark = pytest.mark.skipif(
    shutil.which("dcmprscu") is None, reason="DCMTK's dcmprscu is not installed"
)

_CT = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"  # type: ignore[attr-defined]

_CONFIGURATION = """[[GENERAL]]
[PRINT]
Directory = {folder}/spool
DetailedLog = false
Sleep = 1
MinPrintResolution = 256\\256
MaxPrintResolution = 8192\\8192
DeletePrintJobs = false
AlwaysDeleteTerminateJobs = true
[DATABASE]
Directory = {folder}/database
[LUT]
Directory = {folder}/lut
[NETWORK]
aetitle = DCMPSTATE
[[COMMUNICATION]]
[FILM]
Aetitle = FILM
Description = printer
Hostname = 127.0.0.1
Port = {port}
Type = {type}
BorderDensity = 150\\BLACK\\WHITE
DisableNewVRs = false
DisplayFormat = 1,1\\2,1\\2,2
EmptyImageDensity = 20\\BLACK\\WHITE
FilmDestination = MAGAZINE\\PROCESSOR
FilmSizeID = 8INX10IN\\14INX17IN
ImplicitOnly = false
MagnificationType = REPLICATE\\BILINEAR\\CUBIC\\NONE
MaxDensity = 300
MaxPDU = 32768
MediumType = CLEAR FILM\\BLUE FILM
MinDensity = 20
OmitSOPClassUIDFromCreateResponse = false
PresentationLUTMatchRequired = false
PresentationLUTinFilmSession = false
ResolutionID = STANDARD\\HIGH
SmoothingType = MEDIUM\\SHARP
Supports12Bit = true
SupportsDecimateCrop = true
SupportsImageSize = true
SupportsPresentationLUT = true
SupportsTrim = true
Annotation = 1\\LABEL
"""


def configuration(folder: Path, port: int, kind: str = "PRINTER") -> Path:
    for name in ("spool", "database", "lut"):
        (folder / name).mkdir(parents=True)
    path = folder / "dcmpstat.cfg"
    path.write_text(_CONFIGURATION.format(folder=folder, port=port, type=kind))
    return path


def run(*command: object) -> str:
    done = subprocess.run(
        [str(each) for each in command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("whole", [False, True], ids=["film box", "film session"])
def test_a_film_of_dcmtk_is_printed(
    start: Start, films: Path, book_of: Jobs, tmp_path: Path, *, whole: bool
) -> None:
    """With what its client can say of a film; no status is a failure, and the film comes out."""
    running = start()
    config = configuration(tmp_path / "dcmtk", running.port)
    run("dcmpsprt", "-c", config, "-p", "FILM", "-l", 2, 1, "--filmsize", "8INX10IN",
        "--identity", "--trim", "--magnification", "BILINEAR", "--border", "BLACK",
        "--max-density", "280", "--request-decimate", "-a", "Doe", _CT, _CT)  # fmt: skip
    stored = [*(tmp_path / "dcmtk" / "database").glob("SP_*.dcm")]
    assert len(stored) == 1
    session = ["--session-print"] if whole else []
    said = run("dcmprscu", "-d", "-c", config, "-p", "FILM", "--label", "Head", *session, *stored)
    assert "Failure" not in said
    book = book_of(running)
    until(lambda: [job.state for job in book.listed()] == [State.DONE])
    (job,) = book.listed()
    assert (job.originator, job.label) == ("DCMPSTATE", "Head")
    (film,) = book.films(job)
    assert len(film.images) == 2
    assert (film.magnification, film.max_density, film.trim) == ("BILINEAR", 280, True)
    assert film.presentation_lut.shape == "IDENTITY"
    assert len([*films.iterdir()]) == 1


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """DCMTK's dcmprscp; its port, and the folder where it keeps what was printed."""
    port = free_port()
    config = configuration(tmp_path / "dcmtk", port, "LOCALPRINTER")
    command = ["dcmprscp", "-c", str(config), "-p", "FILM"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as scp:
        try:
            until(lambda: _listens(port))
            yield port, tmp_path / "dcmtk" / "database"
        finally:
            scp.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("bits", ["8", "12"])
def test_dcmtk_prints_what_we_send(printer: tuple[int, Path], tmp_path: Path, bits: str) -> None:
    """Three images on two films of two boxes; the pixels are those that we drew."""
    port, kept = printer
    done = CliRunner().invoke(
        main,
        ["print", "send", "127.0.0.1", str(port), "--aec", "FILM", "--data", str(tmp_path / "a"),
         "--layout", "2x1", "--film", "8INX10IN", "--label", "Head", "--bits", bits,
         "--orientation", "PORTRAIT", "--trim", "--json", str(_CT), str(_CT), str(_CT)],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["films"], told["images"], told["warnings"]) == (2, 3, [])
    sheets = [pydicom.dcmread(path) for path in kept.glob("SP_*.dcm")]
    assert sorted(len(sheet.ImageBoxContentSequence) for sheet in sheets) == [1, 2]
    assert {sheet.FilmBoxContentSequence[0].Trim for sheet in sheets} == {"YES"}
    images = [pydicom.dcmread(path) for path in kept.glob("HG_*.dcm")]
    assert len(images) == 3
    ct = pydicom.dcmread(_CT)
    with _CT.open("rb") as file:
        (drawn,) = prepared(file, CodecRegistry(), Look(bits=int(bits)))
    for image in images:
        assert (image.Rows, image.Columns, image.BitsStored) == (ct.Rows, ct.Columns, int(bits))
        assert np.array_equal(image.pixel_array, drawn.pixels)


def test_the_status_of_dcmtks_printer(printer: tuple[int, Path]) -> None:
    port, _ = printer
    done = CliRunner().invoke(
        main, ["print", "status", "127.0.0.1", str(port), "--aec", "FILM", "--json"]
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["PrinterStatus"] == "NORMAL"


def test_what_dcmtk_refuses_is_told(printer: tuple[int, Path], tmp_path: Path) -> None:
    """The status with its meaning, exit code 1, and the session is deleted."""
    port, kept = printer
    done = CliRunner().invoke(
        main,
        ["print", "send", "127.0.0.1", str(port), "--aec", "FILM", "--data", str(tmp_path / "a"),
         "--film", "1INX1IN", str(_CT)],
    )  # fmt: skip
    assert done.exit_code != 0
    assert (
        "N-CREATE of the film box: 0106H (Invalid Attribute Value"
        in str(done.exception or done.output) + done.output
    )
    assert not [*kept.glob("SP_*.dcm")]
