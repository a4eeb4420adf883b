"""The process in which codecs run (see `pacs_framework.codecs.isolated`).

It gets a pickled `CodecRegistry` first, then one request after the other, until the pipe ends:
each a pickled (task, transfer syntax, pixel format, loss, number of bytes) and so many bytes of a
frame. The loss is that of a lossy encoding, else None.
It answers with a pickled (pixel format, number of bytes) and the frame that was made, or with the
text of the failure. Before that come `Failed`, one for each codec that failed: what is asked next
may end the process.
"""

from __future__ import annotations

import os
import pickle
import resource
import sys
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.errors import UnreadableInstance

__all__ = ["DECODE", "ENCODE", "Failed", "main", "receive", "send"]

DECODE, ENCODE = "decode", "encode"
"""The tasks."""

_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class Failed:
    """What the first codec said, while others are still to be asked."""

    text: str


def send(pipe: BinaryIO, value: object, data: bytes | bytearray | memoryview = b"") -> None:
    """Write ``value``, then ``data`` as it is."""
    message = pickle.dumps(value)
    pipe.write(len(message).to_bytes(_LENGTH_BYTES, "little") + message)
    pipe.write(data)
    pipe.flush()


class Reader(Protocol):
    """What is read from."""

    def read(self, size: int, /) -> bytes | bytearray:
        """So many bytes, fewer at the end."""


def receive(pipe: Reader) -> object:
    """The next value. Raises EOFError at the end."""
    length = _exactly(pipe, _LENGTH_BYTES)
    return pickle.loads(_exactly(pipe, int.from_bytes(length, "little")))  # noqa: S301 - our own


def _exactly(pipe: Reader, size: int) -> bytes | bytearray:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data


def main() -> None:
    """``python -m pacs_framework.codecs.worker REQUESTS ANSWERS BYTES``: two pipes and a limit."""
    requests, answers, memory = (int(argument) for argument in sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(requests, "rb") as reader, os.fdopen(answers, "wb") as writer:
        try:
            registry = receive(reader)
            assert isinstance(registry, CodecRegistry)
            registry.on_failure = lambda failure: send(writer, Failed(str(failure)))
            while True:
                _answer(registry, reader, writer)
        except (EOFError, BrokenPipeError):
            return


def _answer(registry: CodecRegistry, reader: BinaryIO, writer: BinaryIO) -> None:
    request: Any = receive(reader)
    task, syntax, pixels, loss, size = request
    data = _exactly(reader, size)
    try:
        if task == DECODE:
            frame = registry.decode(data, syntax, pixels)
        elif loss is None:
            frame = registry.encode(Frame(data, pixels), syntax)
        else:
            frame = registry.encode_lossy(Frame(data, pixels), syntax, loss)
    except UnreadableInstance as error:
        send(writer, str(error))
    except MemoryError:
        send(writer, f"the frame takes more memory than a {task}r may have")
    else:
        send(writer, (frame.pixels, len(frame.data)), frame.data)


if __name__ == "__main__":
    main()
