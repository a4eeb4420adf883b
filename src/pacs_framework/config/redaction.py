"""What is never shown: passwords in URLs, and values whose name says that they are secret."""

from __future__ import annotations

import re

__all__ = ["HIDDEN", "is_secret_name", "without_passwords"]

HIDDEN = "***"

_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):[^/@\s]*@")
_SECRET = re.compile(
    r"pass(word|wd|code|phrase)|secret|token|credential|api_?key|private_?key", re.IGNORECASE
)


def without_passwords(text: str) -> str:
    """``text`` with the password of each URL in it hidden."""
    return _PASSWORD.sub(rf"\1:{HIDDEN}@", text) if "://" in text else text


def is_secret_name(name: str) -> bool:
    """Whether a setting or a log key of this name holds a secret."""
    return _SECRET.search(name) is not None
