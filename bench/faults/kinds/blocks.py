"""A disk that stops writing, below a real file system: block errors, and a power cut.

nbdkit serves an image with its error filter, nbdfuse shows that as a file, a loop device makes it
a disk, ext4 lies on it. From the moment on that every write fails, the image is what a power cut
would have left: what was not synced before is in the page cache alone, and goes with the mount.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar, Self

from bench.faults import needs
from bench.faults.fault import Fault, NotMet, Round
from bench.faults.needs import Need
from bench.faults.site import Setup, Site

__all__ = ["BrokenDisk", "faults"]

_SIZE = 256 << 20
_MOST = 60


def _run(*command: object) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotMet(f"{command[0]} failed: {done.stderr.strip()[-300:]}")
    return done.stdout.strip()


class Disk:
    """An ext4 file system on a disk whose writes fail while `failing`; a context manager."""

    def __init__(self, folder: Path, mounted_at: Path) -> None:
        self._folder = folder
        self._mounted_at = mounted_at
        self._trigger = folder / "inject"
        self._own = ExitStack()

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True)
        self._mounted_at.mkdir(parents=True)
        image, shown = self._folder / "image", self._folder / "disk"
        image.touch()
        with image.open("r+b") as file:
            file.truncate(_SIZE)
        shown.touch()
        with ExitStack() as own:
            self._serve(own, image, shown)
            self._device = _run("losetup", "-f", "--show", shown)
            own.callback(_run, "losetup", "-d", self._device)
            _run("mkfs.ext4", "-q", self._device)
            own.callback(self._unmount)
            self.mount()
            self._own = own.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self.failing = False
        self._own.close()

    @property
    def failing(self) -> bool:
        """Whether every write to the disk fails."""
        return self._trigger.exists()

    @failing.setter
    def failing(self, failing: bool) -> None:
        if failing:
            self._trigger.touch()
        else:
            self._trigger.unlink(missing_ok=True)

    def mount(self) -> None:
        """The file system replays its journal."""
        _run("mount", self._device, self._mounted_at)

    def unmount(self) -> None:
        """Whatever could not be written is gone."""
        _run("umount", self._mounted_at)

    def _unmount(self) -> None:
        if self._mounted_at.is_mount():
            self.unmount()

    def _serve(self, own: ExitStack, image: Path, shown: Path) -> None:
        command = ["nbdfuse", str(shown), "--socket-activation", "nbdkit", "--filter=error"]
        command += ["file", str(image), f"error-file={self._trigger}", "error-rate=100%"]
        command += ["error=EIO"]
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        own.callback(server.wait, 30)
        own.callback(_run, "fusermount3", "-u", shown)
        _wait_until_shown(shown)


def _wait_until_shown(path: Path) -> None:
    """Nbdfuse says nothing when it is ready."""
    deadline = time.monotonic() + 30
    while path.stat().st_size != _SIZE:
        if time.monotonic() > deadline:
            raise NotMet("nbdfuse did not show the disk in 30 s")
        time.sleep(0.02)


class BrokenDisk(Fault):
    """Every write fails from one moment on; the machine is started again with a good disk."""

    needs: ClassVar[tuple[Need, ...]] = (needs.block_device,)
    orphans: ClassVar[bool] = True  # the journal is not synced
    _disk: Disk

    def __init__(self, name: str, title: str, setup: Setup, *, cut: bool) -> None:
        super().__init__(name, title, setup, times=10)
        self._cut = cut

    @contextmanager
    def site(self, site: Site) -> Iterator[Site]:
        """On a disk of its own."""
        with Disk(site.folder / "device", site.disk) as self._disk, site:
            yield site

    def strike(self, round_: Round) -> None:
        """The disk fails; nothing is acknowledged any more; kill, mount anew, recover."""
        serving = round_.restarted()
        try:
            with round_.site.load(serving, senders=4) as load:
                if not load.wait_for(round_.chance.randint(1, _MOST)):
                    raise NotMet("the archive took nothing in")
                self._disk.failing = True
                if not self._cut and not load.wait_for_trouble(30):
                    raise NotMet("no sender noticed that the disk fails")
                serving.kill()
            round_.refused += load.refused.total()
        finally:
            serving.kill()
            self._disk.unmount()
            self._disk.failing = False
            self._disk.mount()


def faults() -> list[Fault]:
    """For packs and for files."""
    made: list[Fault] = []
    for storage in ("packs", "files"):
        setup = Setup(storage=storage)
        made += [
            BrokenDisk(f"power-cut-{storage}", "power cut (ext4, nbdkit)", setup, cut=True),
            BrokenDisk(f"blocks-{storage}", "block errors (ext4, nbdkit)", setup, cut=False),
        ]
    return made
