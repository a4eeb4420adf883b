"""The laws of anonymizers."""

from __future__ import annotations

from pacs_anonymize_dicognito.contract import TestDicognito

__all__ = ["TestDicognito"]
