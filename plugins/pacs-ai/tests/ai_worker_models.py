"""Models that tell what a worker is like; they import nothing but `pacs_ai.api`."""

import os
import sys
import threading
import time
from pathlib import Path

from pacs_ai.api import Code, Finding, Measurement, Measurements, Model

_SEEN: list[float] = []
_PREPARED: list[int] = []
_ONE = Code(value="1", scheme="UCUM", meaning="no units")


def _told(**facts: float):
    numbers = tuple(
        Measurement(name=Code(value=key, scheme="99T", meaning=key), value=value, unit=_ONE)
        for key, value in facts.items()
    )
    finding = Finding(
        label="t",
        kind=Code(value="t", scheme="99T", meaning="t"),
        measurements=numbers,
    )
    return [Measurements(findings=(finding,))]


class Remembers(Model):
    """Tells which worker it runs in, and what of other runs it finds there."""

    version = "1"

    def prepare(self):
        sys.stdout.write("prepared\n")
        _PREPARED.append(os.getpid())

    def run(self, volume, progress):
        place, home = Path.cwd(), Path(os.environ["HOME"])
        sys.stdout.write(f"ran in {place} with {home}\n")
        left = place / "left"
        found = len(_SEEN) + left.exists() + ("LEFT" in os.environ)
        _SEEN.append(float(volume.voxels.mean()))
        os.environ["LEFT"] = "behind"
        left.write_text("behind")
        return _told(
            worker=_PREPARED[0],
            prepared=len(_PREPARED),
            process=os.getpid(),
            found=found,
            mean=_SEEN[-1],
        )


class Holds(Model):
    """Holds the pipe of ``ALIVE``, as does a child that lost its parent, until it is let go.

    Writes the processes that there are: its own, that above it, and the worker.
    """

    version = "1"

    def prepare(self):
        _PREPARED.append(os.getpid())

    def run(self, volume, progress):
        with Path(os.environ["ALIVE"]).open("w") as alive:
            if not os.fork():
                os.setsid()
                if os.fork():
                    os._exit(0)
                time.sleep(600)
            progress(0.5)
            alive.write(f"{os.getpid()} {os.getppid()} {_PREPARED[0]}\n")
            alive.flush()
            while not Path(os.environ["GO"]).exists():
                time.sleep(0.02)
        return _told(done=1.0)


class Fails(Model):
    """Raises for a volume of other values than 0."""

    version = "1"

    def run(self, volume, progress):
        if volume.voxels[0, 0, 0] > 0:
            raise RuntimeError("no idea what this is")
        return _told(process=os.getpid())


class Threads(Remembers):
    """Begins a thread, with which a process does not bear a fork."""

    def prepare(self):
        super().prepare()
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()


class Broken(Model):
    """Cannot be prepared."""

    version = "1"

    def prepare(self):
        raise RuntimeError("the weights are gone")

    def run(self, volume, progress):
        raise AssertionError
