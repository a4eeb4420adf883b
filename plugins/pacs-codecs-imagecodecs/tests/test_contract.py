"""The laws of codecs."""

from __future__ import annotations

from pacs_codecs_imagecodecs.contract import TestCodecs

__all__ = ["TestCodecs"]
