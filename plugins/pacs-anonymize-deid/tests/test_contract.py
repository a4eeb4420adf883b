"""The laws of anonymizers."""

from __future__ import annotations

from pacs_anonymize_deid.contract import TestCareless, TestDeid

__all__ = ["TestCareless", "TestDeid"]
