"""Ports of peers that are other programs: which is free, and when somebody listens."""

from __future__ import annotations

import socket
import time

__all__ = ["free_port", "wait_for_listener"]


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listened on a moment ago.

    Only for programs that cannot take port 0 and tell what they got; ours can.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_listener(host: str, port: int, *, seconds: float = 30.0) -> None:
    """Wait until something accepts connections there; raises TimeoutError when nothing does.

    A program that is not ours has no other way of telling that it is ready.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing listens on {host}:{port} after {seconds} s")
