"""What stands in for ``pacs`` when the examples of a page run: ``doc_pacs.py DOOR ARGUMENT …``.

A process that has imported everything (`pacs_framework.testing.nursery`) forks the command, with
the descriptors, the environment and the folder of this one. It imports nothing of the archive.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys


def main(door: str, *arguments: str) -> int:
    """Have the command run, hand signals on, and end as it does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as nursery:
        nursery.connect(door)
        asked = {
            "module": "pacs_framework.cli",
            "arguments": arguments,
            "environment": dict(os.environ),
            "folder": os.getcwd(),  # noqa: PTH109 - pathlib takes longer to import than the rest
        }
        socket.send_fds(nursery, [json.dumps(asked).encode()], [0, 1, 2])
        pid = json.loads(nursery.recv(1024))["pid"]
        child = os.pidfd_open(pid)
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(each, lambda number, _: signal.pidfd_send_signal(child, number))
        ended = select.poll()
        ended.register(child, select.POLLIN)
        ended.poll()
        nursery.send(json.dumps({"wait": pid}).encode())
        code = json.loads(nursery.recv(1024))["code"]
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
