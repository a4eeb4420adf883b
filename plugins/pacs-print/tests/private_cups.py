"""A CUPS of the tests' own, with one queue that writes what it prints to a file."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pacs_framework.testing.sockets import free_port, wait_for_listener

CUPSD = "/usr/sbin/cupsd"

_CONFIG = """\
Listen 127.0.0.1:{port}
LogLevel debug
MaxLogSize 0
Browsing Off
WebInterface No
DefaultAuthType None
<Location />
  Order allow,deny
  Allow all
</Location>
<Policy default>
  JobPrivateAccess all
  JobPrivateValues none
  <Limit All>
    Order deny,allow
  </Limit>
</Policy>
"""

_FILES = """\
FileDevice Yes
ServerRoot {folder}/root
RequestRoot {folder}/spool
CacheDir {folder}/cache
StateDir {folder}/state
TempDir {folder}/tmp
ServerKeychain {folder}/root
AccessLog {folder}/access.log
ErrorLog {folder}/error.log
PageLog {folder}/page.log
"""

_PRINTERS = """\
<Printer film>
DeviceURI file://{folder}/printed.pdf
State Idle
Accepting {accepting}
JobSheets none none
OpPolicy default
ErrorPolicy stop-printer
</Printer>
"""

# A device that takes PDF as it is; gziptoany, which comes with CUPS, copies it out.
_PPD = """\
*PPD-Adobe: "4.3"
*FormatVersion: "4.3"
*FileVersion: "1.0"
*LanguageVersion: English
*LanguageEncoding: ISOLatin1
*PCFileName: "FILM.PPD"
*Manufacturer: "Film"
*Product: "(Film)"
*ModelName: "Film"
*ShortNickName: "Film"
*NickName: "Film"
*PSVersion: "(3010.000) 0"
*cupsVersion: 2.4
*cupsFilter2: "application/pdf application/pdf 0 gziptoany"
*OpenUI *PageSize/Media Size: PickOne
*DefaultPageSize: A4
*PageSize A4/A4: ""
*CloseUI: *PageSize
*OpenUI *PageRegion/Media Size: PickOne
*DefaultPageRegion: A4
*PageRegion A4/A4: ""
*CloseUI: *PageRegion
*DefaultImageableArea: A4
*ImageableArea A4/A4: "0 0 595 842"
*DefaultPaperDimension: A4
*PaperDimension A4/A4: "595 842"
"""


@dataclass(frozen=True)
class Cups:
    """A running CUPS."""

    folder: Path
    port: int

    @property
    def uri(self) -> str:
        """The address of its queue."""
        return f"ipp://127.0.0.1:{self.port}/printers/film"

    @property
    def log(self) -> str:
        """What it says of itself."""
        return (self.folder / "error.log").read_text("utf-8", "replace")


@contextmanager
def running_cups(*, accepting: bool = True) -> Iterator[Cups]:
    """Run one; its folder is not below pytest's, where filters, which run as lp, may not go."""
    folder = Path(tempfile.mkdtemp(prefix="pacs-cups-"))
    folder.chmod(0o755)
    try:
        cups = Cups(folder, free_port())
        _configure(cups, accepting=accepting)
        root = folder / "root"
        command = [CUPSD, "-f", "-c", root / "cupsd.conf", "-s", root / "cups-files.conf"]
        with (folder / "output.log").open("wb") as output:
            server = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            wait_for_listener("127.0.0.1", cups.port)
            yield cups
        finally:
            server.terminate()
            server.wait(30)
    finally:
        shutil.rmtree(folder)


def _configure(cups: Cups, *, accepting: bool) -> None:
    for name in ("root/ppd", "spool", "cache", "state", "tmp"):
        (cups.folder / name).mkdir(parents=True)
    root = cups.folder / "root"
    (root / "cupsd.conf").write_text(_CONFIG.format(port=cups.port))
    (root / "cups-files.conf").write_text(_FILES.format(folder=cups.folder))
    printers = _PRINTERS.format(folder=cups.folder, accepting="Yes" if accepting else "No")
    (root / "printers.conf").write_text(printers)
    (root / "ppd" / "film.ppd").write_text(_PPD)
