"""Codecs in processes of their own, so that no image brings the archive down.

Codecs are C code that reads what strangers sent. One that crashes, hangs or takes all memory ends
its process, and the image is unreadable; everything else goes on. Processes are started when they
are needed and kept for the next frame.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from time import monotonic
from typing import Any

import structlog

from pacs_framework.codecs.codec import Buffer, Frame
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.worker import DECODE, ENCODE, Failed, receive, send
from pacs_framework.errors import UnreadableInstance

__all__ = ["IsolatedCodecs"]

_log = structlog.get_logger(__name__)

_MEMORY = 4 << 30
_MOST = 4


class IsolatedCodecs:
    """Decodes and encodes with ``registry`` in up to ``most`` processes at a time.

    `most` tells how many there may be: without a number, one for each core, up to 4.
    A frame that takes longer than ``seconds``, or more than ``memory`` bytes, is unreadable. Safe
    to use from many threads; `close` when done.
    """

    def __init__(
        self,
        registry: CodecRegistry,
        *,
        most: int = 0,
        seconds: float = 60.0,
        memory: int = _MEMORY,
    ) -> None:
        self._registry = registry
        self._seconds = seconds
        self._memory = memory
        self.most = most or min(_MOST, os.cpu_count() or 1)
        self._places = threading.BoundedSemaphore(self.most)
        self._idle: deque[_Worker] = deque()
        self._closed = False

    def decodes(self, transfer_syntax: str) -> bool:
        """Whether some codec decodes it."""
        return self._registry.decodes(transfer_syntax)

    def encodes(self, transfer_syntax: str) -> bool:
        """Whether some codec encodes it without loss."""
        return self._registry.encodes(transfer_syntax)

    def encodes_lossy(self, transfer_syntax: str, measure: Measure) -> bool:
        """Whether some codec encodes it with a loss that is measured like this."""
        return self._registry.encodes_lossy(transfer_syntax, measure)

    def decode(self, frame: Buffer, transfer_syntax: str, pixels: PixelFormat) -> Frame:
        """The native frame; waits for a process. Raises `UnreadableInstance`."""
        return self._run(DECODE, Frame(frame, pixels), transfer_syntax)

    def encode(self, frame: Frame, transfer_syntax: str) -> Frame:
        """The compressed frame; waits for a process. Raises `UnreadableInstance`."""
        return self._run(ENCODE, frame, transfer_syntax)

    def encode_lossy(self, frame: Frame, transfer_syntax: str, loss: Loss) -> Frame:
        """The frame compressed with ``loss``; waits for a process. Raises `UnreadableInstance`."""
        return self._run(ENCODE, frame, transfer_syntax, loss)

    def _run(
        self, task: str, frame: Frame, transfer_syntax: str, loss: Loss | None = None
    ) -> Frame:
        with self._places:
            worker = self._take()
            try:
                made = worker.run(task, frame, transfer_syntax, loss, self._seconds)
            except _Lost as lost:
                worker.kill()
                _log.error("a codec was lost", task=task, syntax=transfer_syntax, why=str(lost))
                first = f"{worker.said}; then " if worker.said else ""
                raise UnreadableInstance(f"{first}the {task}r was lost: {lost}") from None
            except BaseException as error:
                if not isinstance(error, UnreadableInstance):
                    worker.kill()  # in the middle of an answer
                    raise
                self._give_back(worker)
                raise
            self._give_back(worker)
            return made

    def close(self) -> None:
        """End the processes. Nobody may be decoding."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> _Worker:
        try:
            return self._idle.pop()
        except IndexError:
            return _Worker(self._registry, self._memory)

    def _give_back(self, worker: _Worker) -> None:
        if self._closed:
            worker.close()
        else:
            self._idle.append(worker)


class _Lost(Exception):
    """The process died or took too long; it is of no more use."""


class _Worker:
    """One process and the pipes to it."""

    def __init__(self, registry: CodecRegistry, memory: int) -> None:
        requests, to_worker = os.pipe()
        from_worker, answers = os.pipe()
        # -c, because -m would import the whole package path anew as __main__ and warn about it.
        command = (sys.executable, "-c", _RUN, str(requests), str(answers), str(memory))
        try:
            self._process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # libraries print what they like
                stderr=subprocess.DEVNULL,
                pass_fds=(requests, answers),
                start_new_session=True,  # Ctrl-C is for the archive, which ends this one
            )
        except BaseException:
            os.close(to_worker)
            os.close(from_worker)
            raise
        finally:
            os.close(requests)
            os.close(answers)
        self._writer = os.fdopen(to_worker, "wb")
        self._reader = os.fdopen(from_worker, "rb", buffering=0)
        self._answers = select.poll()
        self._answers.register(self._reader, select.POLLIN)
        self._registry: CodecRegistry | None = registry
        self.said = ""
        """What the first codec that failed over the frame said of it."""

    def run(
        self, task: str, frame: Frame, transfer_syntax: str, loss: Loss | None, seconds: float
    ) -> Frame:
        """Raises `UnreadableInstance` where the process says so, and `_Lost`."""
        source = _Deadline(self._reader, self._answers, monotonic() + seconds, seconds)
        self.said = ""
        try:
            if self._registry is not None:
                send(self._writer, self._registry)
                self._registry = None
            request = (task, transfer_syntax, frame.pixels, loss, len(frame.data))
            send(self._writer, request, frame.data)
            answer: Any = receive(source)
            while isinstance(answer, Failed):
                self.said = self.said or answer.text
                answer = receive(source)
        except (EOFError, BrokenPipeError):
            raise _Lost(self._death()) from None
        if isinstance(answer, str):
            raise UnreadableInstance(answer)
        given, size = answer
        data = source.read(size)
        if len(data) < size:
            raise _Lost(self._death())
        return Frame(data, given)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self.close()

    def close(self) -> None:
        """End it by the end of its pipe."""
        with suppress(BrokenPipeError):
            self._writer.close()
        self._reader.close()
        self._process.wait()

    def _death(self) -> str:
        code = self._process.wait()
        return f"it died by {signal.Signals(-code).name}" if code < 0 else f"it ended with {code}"


_RUN = "from pacs_framework.codecs.worker import main; main()"


class _Deadline:
    """A pipe that is read until a moment and no longer. Raises `_Lost` then."""

    def __init__(self, pipe: object, poll: select.poll, moment: float, seconds: float) -> None:
        self._handle = pipe.fileno()  # type: ignore[attr-defined]
        self._poll = poll
        self._moment = moment
        self._seconds = seconds

    def read(self, size: int) -> bytearray:
        """Exactly ``size`` bytes, or fewer at the end."""
        data = bytearray(size)
        view, filled = memoryview(data), 0
        while filled < size:
            left = self._moment - monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise _Lost(f"it took more than {self._seconds:g} s")
            got = os.readv(self._handle, [view[filled:]])
            if not got:
                break
            filled += got
        view.release()
        del data[filled:]
        return data
