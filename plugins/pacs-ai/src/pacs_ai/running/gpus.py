"""GPUs of this machine, of which each run gets one that it has for itself.

A run holds the lock of a file, so that runs of other processes wait for it as well, and whoever is
killed gives its GPU back.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread

from pacs_ai.errors import ModelCanceled, NoGpu
from pacs_framework.waking import Waker

__all__ = ["VISIBLE", "Gpus"]

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The variable that says which GPUs a process sees."""

_DEVICES = Path("/dev")
_NODE = re.compile(r"nvidia([0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpus:
    """``names`` are those that runs may have, as ``CUDA_VISIBLE_DEVICES`` says them; none are all
    that there are. Each is had by ``runs`` at a time. ``folder`` holds the locks, one for each.
    """

    folder: Path
    names: tuple[str, ...] = ()
    runs: int = 1

    @contextmanager
    def environment(
        self, *, wanted: bool, canceled: Waker | None = None
    ) -> Iterator[Mapping[str, str]]:
        """What a model sees of them: one, once it is free, where it is ``wanted``, else none.

        Where the site names no GPUs, who wants none is not kept from them. Raises `NoGpu`, and
        `ModelCanceled` where ``canceled`` rings while it waits.
        """
        if not wanted:
            yield {VISIBLE: ""} if self.names else {}
            return
        with self._one(canceled) as name:
            # By their places on the bus, as device nodes and nvidia-smi count them.
            yield {VISIBLE: name, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}

    def there(self) -> list[str]:
        """Those that runs may have and this machine has. Raises `NoGpu` where there is none."""
        found = [match[1] for each in _DEVICES.iterdir() if (match := _NODE.fullmatch(each.name))]
        # One that is named by its UUID cannot be told from its node: that there are any has to do.
        usable = [n for n in self.names if n in found or (found and not n.isdigit())]
        if not self.names:
            usable = sorted(found, key=int)
        if not usable:
            named = f" (gpus = {list(self.names)})" if self.names else ""
            have = ", ".join(f"/dev/nvidia{each}" for each in sorted(found, key=int)) or "none"
            raise NoGpu(
                f"it wants a GPU, and this machine has none for it{named}: of /dev/nvidia0 and so "
                f"on there is {have}; `nvidia-smi` shows whether the driver works"
            )
        return usable

    @contextmanager
    def _one(self, canceled: Waker | None) -> Iterator[str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        # The first run of each before the second of any.
        slots = [(name, number) for number in range(self.runs) for name in self.there()]
        with closing(Waker()) as freed:
            race = _Race([(name, self.folder / f"{name}.{n}") for name, n in slots], freed)
            try:
                race.begin()
                if canceled in freed.wait(None, *([] if canceled is None else [canceled])):
                    raise ModelCanceled("it was canceled while it waited for a GPU")
                yield race.name
            finally:
                race.end()


class _Race:
    """For the first of several locks that is free; ``won`` is rung then.

    Nothing but a thread can wait for a lock, so there is one for each, where none is free at once.
    What they get after the end they give back.
    """

    def __init__(self, places: Sequence[tuple[str, Path]], won: Waker) -> None:
        self._places = places
        self._won = won
        self._guard = Lock()
        self._over = False
        self._handle = -1
        self.name = ""

    def begin(self) -> None:
        """Take one, now or later."""
        for name, place in self._places:
            handle = _opened(place)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                continue
            self._take(name, handle)
            return
        for each in self._places:
            Thread(target=self._wait, args=each, name="ai-gpu", daemon=True).start()

    def end(self) -> None:
        """Give it back, or want none any more."""
        with self._guard:
            self._over = True
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1

    def _wait(self, name: str, place: Path) -> None:
        handle = _opened(place)
        fcntl.flock(handle, fcntl.LOCK_EX)
        self._take(name, handle)

    def _take(self, name: str, handle: int) -> None:
        with self._guard:
            if self._over or self.name:
                os.close(handle)
                return
            self.name, self._handle = name, handle
            self._won.ring()


def _opened(place: Path) -> int:
    return os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
