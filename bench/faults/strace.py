"""System calls of an archive that fail, dawdle or kill: strace, attached while it works."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["tampered"]

_PATIENCE = 30.0


@contextmanager
def tampered(
    pids: Sequence[int], tampering: str, *, paths: Sequence[Path] = ()
) -> Iterator[subprocess.Popen[str]]:
    """Let ``tampering`` (``CALL:error=EIO:when=3``, see strace(1)) happen while the block runs.

    Only calls about one of ``paths`` count, where some are given. A count is that of each thread.
    """
    calls = tampering.partition(":")[0]
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}"]
    command += ["-e", f"inject={tampering}"]
    for path in paths:
        command += ["-P", str(path)]
    for pid in pids:
        command += ["-p", str(pid)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as tracer:
        try:
            _wait_until_attached(tracer, pids)
            yield tracer
        finally:
            tracer.terminate()  # it lets go, and the archive goes on
            tracer.wait(_PATIENCE)


def _wait_until_attached(tracer: subprocess.Popen[str], pids: Sequence[int]) -> None:
    """Until every thread of every process is traced."""
    deadline = time.monotonic() + _PATIENCE
    while not all(map(_is_traced, pids)):
        if tracer.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("strace could not attach")
        time.sleep(0.01)


def _is_traced(pid: int) -> bool:
    for task in Path(f"/proc/{pid}/task").iterdir():
        if "TracerPid:\t0\n" in (task / "status").read_text():
            return False
    return True
