"""The laws of codecs."""

from __future__ import annotations

from pacs_codecs_pylibjpeg.contract import TestCodecs

__all__ = ["TestCodecs"]
