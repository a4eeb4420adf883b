"""The URL of a place in a bucket of an S3-compatible store."""

from __future__ import annotations

import re
from typing import Self

from pacs_framework.buckets import address
from pacs_framework.errors import ConfigurationError

__all__ = ["Address"]


class Address(address.Address):
    """``s3://bucket/prefix``."""

    form = "s3://BUCKET/PREFIX"
    buckets = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
    section = "plugin.routing"

    @classmethod
    def of(cls, url: str) -> Self:
        """Take it apart. Raises `ConfigurationError`, also for the schemes of other stores."""
        if not url.startswith("s3://"):
            raise ConfigurationError(f"{url!r} is no bucket that can be sent to: write {cls.form}")
        return super().of(url)
