"""The secret key of the pseudonyms: made once, never shown."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

__all__ = ["MAKE_ONE", "new_key", "write_new_key"]

MAKE_ONE = "`pacs anonymize make-key FILE` writes one"
"""What to do where there is none."""

_BYTES = 32


def new_key() -> bytes:
    """A key from the random source of the operating system."""
    return secrets.token_bytes(_BYTES)


def write_new_key(path: Path) -> None:
    """Write a new key that only its owner may read. Raises OSError; what is there stays."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{new_key().hex()}\n")
        file.flush()
        os.fsync(file.fileno())
