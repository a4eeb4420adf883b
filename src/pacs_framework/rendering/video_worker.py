"""The process in which PyAV decodes video (see `pacs_framework.rendering.video`).

It is given the path of the stream, the first and the last frame that are wanted, and the bytes of
memory that it may have. It writes each frame as number, rows, columns and RGB samples.
"""

from __future__ import annotations

import resource
import struct
import sys
from importlib import import_module
from typing import Any

__all__ = ["main"]

_FRAME = struct.Struct("<III")


def main() -> None:
    """Decode until the last frame; a failure is a line on standard error and exit code 1."""
    path, first, last, memory = sys.argv[1], *map(int, sys.argv[2:])
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        _decode(path, first, last)
    except Exception as error:  # noqa: BLE001 - whatever PyAV raises is told to who asked
        sys.exit(f"the video cannot be decoded: {type(error).__name__}")


def _decode(path: str, first: int, last: int) -> None:
    av: Any = import_module("av")  # only now, under the limits; and nothing else needs it
    with av.open(path) as container:
        for number, frame in enumerate(container.decode(video=0), start=1):
            if number >= first:
                samples = frame.to_ndarray(format="rgb24")
                sys.stdout.buffer.write(_FRAME.pack(number, *samples.shape[:2]))
                sys.stdout.buffer.write(samples.tobytes())
                sys.stdout.buffer.flush()
            if number == last:
                return
    sys.exit(f"the video ends with frame {number}")
