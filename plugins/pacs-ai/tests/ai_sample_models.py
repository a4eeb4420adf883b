"""Models for tests, good and bad; they run in processes that import nothing but `pacs_ai.api`."""

import os
import sys
import time
from pathlib import Path

import numpy as np

from pacs_ai.api import (
    Code,
    Finding,
    Measurement,
    Measurements,
    Model,
    Picture,
    Segment,
    Segmentation,
)

THING = Code(value="T1", scheme="99TEST", meaning="Thing")
NONE = Code(value="1", scheme="UCUM", meaning="no units")


class Base(Model):
    version = "1"


class Dense(Base):
    """Whatever is bone, with a report and a picture of it."""

    manufacturer = "Somebody"

    def run(self, volume, progress):
        progress(0.25)
        mask = volume.voxels > 300
        progress(1)
        number = Measurement(name=THING, value=float(mask.sum()), unit=NONE)
        finding = Finding(
            label="bone", kind=THING, measurements=(number,), evaluations=((THING, THING),)
        )
        segment = Segment(label="bone", mask=mask, category=THING, kind=THING)
        picture = np.uint8(255) * mask.any(axis=0).astype(np.uint8)
        return [
            Segmentation(segments=(segment,)),
            Measurements(findings=(finding,)),
            Picture(pixels=np.stack([picture] * 3, axis=-1)),
        ]


class Told(Base):
    """Yields what it was given: as measurements."""

    def run(self, volume, progress):
        facts = {
            "mean": float(volume.voxels.mean()),
            "x": volume.affine[0, 3],
            "environment": float(any(name.startswith("PACS_") for name in os.environ)),
            "numpy": float(np.__version__.split(".")[0]),
        }
        numbers = [
            Measurement(name=Code(value=key, scheme="99T", meaning=key), value=value, unit=NONE)
            for key, value in facts.items()
        ]
        return [Measurements(findings=(Finding(label="t", kind=THING, measurements=numbers),))]


class Raises(Base):
    def run(self, volume, progress):
        raise RuntimeError("no idea what this is")


class Hangs(Base):
    """Also in a child of its own, which ignores what it can."""

    def run(self, volume, progress):
        if not os.fork():
            os.setsid()
            Path("pid").write_text(str(os.getpid()))
        progress(0.5)
        time.sleep(600)


class Eats(Base):
    def run(self, volume, progress):
        return [np.ones(1 << 24) for _ in range(1000)]


class Exits(Base):
    def run(self, volume, progress):
        sys.stdout.flush()
        os._exit(0)


class Yields(Base):
    def run(self, volume, progress):
        return []


class Crashes(Base):
    def run(self, volume, progress):
        os.abort()


class Babbles(Base):
    def run(self, volume, progress):
        os.write(1, b"\x00\xff\x1b[31mred\n" + bytes(range(256)) * 1000)
        os.write(2, b"\nlast words\n")
        raise SystemExit(3)


class WrongShape(Base):
    def run(self, volume, progress):
        mask = np.ones((3, 3, 3), bool)
        return [Segmentation(segments=(Segment(label="x", mask=mask, category=THING, kind=THING),))]


class Empty(Base):
    def run(self, volume, progress):
        mask = np.zeros(volume.shape, bool)
        return [Segmentation(segments=(Segment(label="x", mask=mask, category=THING, kind=THING),))]


class Lies(Base):
    """Writes what cannot be read as results."""

    def run(self, volume, progress):
        Path("results").mkdir(exist_ok=True)
        Path("results/results.json").write_text('[{"is": "segmentation", "segments": 3}]')
        os._exit(0)


class Outside(Base):
    """Names a file that is not its own."""

    def run(self, volume, progress):
        Path("results/0.npy").symlink_to("/etc/passwd")
        Path("results/results.json").write_text(
            '[{"is": "picture", "pixels": "0.npy", "description": "x"}]'
        )
        os._exit(0)


class Older(Base):
    version = "0"

    def run(self, volume, progress):
        raise AssertionError
