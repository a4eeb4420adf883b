"""Models for tests, good and bad; they run in processes that import nothing but `pacs_ai.api`."""

import os
import sys
import time
from pathlib import Path

import numpy as np

from pacs_ai.api import (
    Code,
    Finding,
    KeyImages,
    Mark,
    Measurement,
    Measurements,
    Model,
    Nothing,
    ParametricMap,
    Picture,
    Presentation,
    Segment,
    Segmentation,
)

THING = Code(value="T1", scheme="99TEST", meaning="Thing")
KINDS = {
    "lung": Code(value="39607008", scheme="SCT", meaning="Lung"),
    "bone": Code(value="272673000", scheme="SCT", meaning="Bone"),
}
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


class Newer(Dense):
    version = "2"


class Shrugs(Dense):
    """Does not tell how far it is."""

    def run(self, volume, progress):
        return super().run(volume, lambda _: None)


class Draws(Base):
    """A map, a window with marks on two slices, two slices of note, and a label map."""

    manufacturer = "Somebody"

    def run(self, volume, progress):
        # Along the edges of voxels: rows 10 to 14, columns 20 to 29.
        box = ((9.5, 19.5), (9.5, 29.5), (14.5, 29.5), (14.5, 19.5), (9.5, 19.5))
        marks = (
            Mark(slice=2, points=box, filled=True),
            Mark(slice=4, points=box, label="lung"),
            Mark(slice=4, points=((10, 12),), shape="POINT"),
            Mark(slice=6, points=((24, 32), (24, 40)), shape="CIRCLE"),
        )
        lung, bone = volume.voxels == -800, volume.voxels == 700
        things = zip(("lung", "bone"), (lung, bone), strict=True)
        return [
            ParametricMap(
                values=volume.voxels / np.float32(1000),
                quantity=THING,
                unit=NONE,
                site=KINDS["lung"],
                laterality="B",
            ),
            Presentation(marks=marks, window=(-900, 300)),
            KeyImages(slices=(6, 4), reason="there are lungs"),
            Segmentation(
                segments=tuple(
                    Segment(label=label, mask=mask, category=THING, kind=KINDS[label])
                    for label, mask in things
                ),
                labelmap=True,
            ),
        ]


class Graded(Base):
    """Bone by two rules, with its volume and a grade: the one that the environment asks for."""

    def __init__(self):
        self.version = os.environ["RULE"]

    def run(self, volume, progress):
        mask = volume.voxels > (300 if self.version == "1" else 30)
        grade = "dense" if mask.mean() > 0.1 else "thin"
        size = Measurement(name=THING, value=float(mask.sum()), unit=NONE)
        finding = Finding(
            label="bone",
            kind=THING,
            measurements=(size,),
            evaluations=((THING, Code(value=grade, scheme="99TEST", meaning=grade)),),
        )
        segment = Segment(label="bone", mask=mask, category=THING, kind=KINDS["bone"])
        return [
            Segmentation(segments=(segment,), labelmap=self.version == "2"),
            Measurements(findings=(finding,)),
        ]


class Overlaps(Base):
    def run(self, volume, progress):
        mask = np.ones(volume.shape, bool)
        segments = tuple(
            Segment(label=label, mask=mask, category=THING, kind=THING) for label in "ab"
        )
        return [Segmentation(segments=segments, labelmap=True)]


class OtherMap(Base):
    def run(self, volume, progress):
        values = np.zeros((3, 3, 3), np.float32)
        return [ParametricMap(values=values, quantity=THING, unit=NONE)]


class NotFinite(Base):
    def run(self, volume, progress):
        return [ParametricMap(values=np.float32("nan") * volume.voxels, quantity=THING, unit=NONE)]


class Beyond(Base):
    def run(self, volume, progress):
        return [Presentation(marks=(Mark(slice=0, points=((0, 64),), shape="POINT"),))]


class NoSlice(Base):
    def run(self, volume, progress):
        return [KeyImages(slices=(12,))]


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


class Finds(Base):
    """Nothing, in one of the ways to say so; what its environment asks for."""

    def run(self, volume, progress):
        nothing = Nothing(reason=f"no voxel\nof {volume.voxels.size} is above 9000 \x1b[31mHU")
        ways = {
            "plainly": lambda: nothing,
            "in a list": lambda: [nothing],
            "and more": lambda: [nothing, KeyImages(slices=(1,))],
            "of no kind": lambda: Nothing(reason=" "),
        }
        return ways[os.environ["HOW"]]()


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
