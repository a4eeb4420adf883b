"""A process that de-identifies, to compare its answers with ours.

`answers_elsewhere` starts it; ``python -m pacs_framework.testing.suites.anonymizing`` is the
process. Strings hash otherwise there, so what depends on the order of a set shows.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout

from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.pixel_work import data_set_of
from pacs_framework.dicom.rewrite import encode_header, load_header

__all__ = ["answer_of", "answers_elsewhere"]

_END_SECONDS = 100  # a net, not a measurement


def answer_of(anonymizer: Anonymizer, data: bytes, syntax: str) -> bytes:
    """What ``anonymizer`` makes of an encoded data set without pixel data, encoded as it was."""
    return encode_header(data_set_of(anonymizer.anonymize(load_header(data, syntax))), syntax)


def answers_elsewhere(
    anonymizers: Mapping[str, Anonymizer], data: Sequence[bytes], syntax: str
) -> dict[str, list[bytes]]:
    """The answers of each anonymizer, which goes to another process for them.

    Raises AssertionError when it does not get there.
    """
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONHASHSEED": "19",
    }
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", __name__],
        input=pickle.dumps((dict(anonymizers), list(data), syntax)),
        capture_output=True,
        env=environment,
        timeout=_END_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"in another process: {done.stderr.decode(errors='replace')}"
    found: dict[str, list[bytes]] = pickle.loads(done.stdout)  # noqa: S301 - our own program
    return found


def _main() -> None:
    """Read anonymizers and data sets, write answers; what is printed on the way goes to stderr."""
    anonymizers, data, syntax = pickle.load(sys.stdin.buffer)  # noqa: S301 - our parent's
    with redirect_stdout(sys.stderr):
        answers = {
            name: [answer_of(anonymizer, each, syntax) for each in data]
            for name, anonymizer in anonymizers.items()
        }
    sys.stdout.buffer.write(pickle.dumps(answers))


if __name__ == "__main__":
    _main()
