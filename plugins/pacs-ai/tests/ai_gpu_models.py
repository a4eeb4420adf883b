"""A model that tells which GPUs it sees; it imports nothing but `pacs_ai.api`."""

import os
import sys

from pacs_ai.api import Code, Finding, Measurement, Measurements, Model

THING = Code(value="T1", scheme="99TEST", meaning="Thing")
NONE = Code(value="1", scheme="UCUM", meaning="no units")


class Sees(Model):
    """What it saw when it was loaded, and what it sees in a run."""

    name, version = "sees", "1"

    def prepare(self):
        self.loaded = _visible()

    def run(self, volume, progress):
        sys.stdout.write(f"loaded with {self.loaded}, ran with {_visible()}\n")
        number = Measurement(name=THING, value=1.0, unit=NONE)
        return [Measurements(findings=(Finding(label="t", kind=THING, measurements=(number,)),))]


def _visible():
    return repr(os.environ.get("CUDA_VISIBLE_DEVICES"))
