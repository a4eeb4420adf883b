"""The URL of a place in a bucket of Google Cloud Storage."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pacs_framework.buckets import address

__all__ = ["Address"]

_PART = r"[a-z0-9_-]{1,63}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address(address.Address):
    """``gs://bucket/prefix``; names of buckets as Google's naming rules have them."""

    form = "gs://BUCKET/PREFIX"
    buckets = re.compile(
        rf"(?!goog)(?!\d+(\.\d+){{3}}\Z)(?=[a-z0-9].{{1,220}}[a-z0-9]\Z){_PART}(\.{_PART})*"
    )
    section = "plugin.storage-gcs"
