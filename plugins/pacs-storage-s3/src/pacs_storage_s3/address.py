"""The URL of a place in a bucket of an S3-compatible store."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pacs_framework.buckets import address

__all__ = ["Address"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address(address.Address):
    """``s3://bucket/prefix``."""

    form = "s3://BUCKET/PREFIX"
    buckets = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
    section = "plugin.storage-s3"
