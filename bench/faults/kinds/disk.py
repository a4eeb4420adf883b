"""A disk that is full, and is not any more."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from bench.faults import needs
from bench.faults.fault import Fault, NotMet, Round, RunningFault
from bench.faults.needs import Need
from bench.faults.site import Serving, Setup, Site

__all__ = ["faults"]

_SIZE = "96m"
_BLOCK = 1 << 20


class FullDisk(RunningFault):
    """A small file system with everything on it, the index too, is filled by somebody else."""

    needs: ClassVar[tuple[Need, ...]] = (needs.mounts,)

    @contextmanager
    def site(self, site: Site) -> Iterator[Site]:
        """On a tmpfs of its own."""
        site.disk.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "none", str(site.disk)]
        subprocess.run(command, check=True)
        try:
            with site:
                yield site
        finally:
            subprocess.run(["umount", "-l", str(site.disk)], check=True)

    def happens(self, round_: Round, serving: Serving) -> None:
        """Filled to the last byte, until senders were refused; then there is room again."""
        filler = round_.site.disk / "somebody-else"
        with filler.open("wb", buffering=0) as file, round_.site.load(serving, senders=4) as load:
            try:
                while True:
                    file.write(bytes(_BLOCK))
            except OSError:
                pass
            for _ in range(5):
                if not load.wait_for_trouble(30):
                    raise NotMet("nobody noticed that the disk is full")
            filler.unlink()
            file.truncate(0)
        round_.refused += load.refused.total()
        round_.broken += load.broken


def faults() -> list[Fault]:
    """For packs and for files; the index is on the same disk."""
    title = "disk full (tmpfs), then room again"
    return [
        FullDisk(f"full-{storage}", title, Setup(storage=storage), times=3)
        for storage in ("packs", "files")
    ]
