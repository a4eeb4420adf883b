"""AE titles: up to 16 printable characters (PS3.5 Table 6.2-1, VR AE)."""

from __future__ import annotations

import re

__all__ = ["is_ae_title"]

_title = re.compile(r"[ -\[\]-~]{1,16}").fullmatch


def is_ae_title(text: str) -> bool:
    """Whether ``text``, stripped, is an AE title: not empty, no backslash, no control character."""
    return _title(text) is not None and not text.isspace()
