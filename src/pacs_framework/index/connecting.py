"""How processes connect to PostgreSQL: under which name, and how long they believe in silence."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from typing import Any

__all__ = ["add_defaults"]

_NAME_BYTES = 63  # of an application name in PostgreSQL
_PATIENCE = {
    "connect_timeout": "10",  # seconds
    # A database that went without a word is noticed within half a minute.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",  # ms
}


def add_defaults(options: MutableMapping[str, Any]) -> None:
    """Add to the options of a connection what its URL leaves open: its name and its patience."""
    name = f"pacs-framework {os.getpid()}@{socket.gethostname()}"
    options.setdefault("application_name", name[:_NAME_BYTES])
    for key, value in _PATIENCE.items():
        options.setdefault(key, value)
