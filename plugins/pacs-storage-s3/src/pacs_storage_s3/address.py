"""The URL of a place in a bucket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote, urlsplit

from pacs_framework.errors import ConfigurationError

__all__ = ["Address"]

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z._-]*(/[0-9A-Za-z_-][0-9A-Za-z._-]*)*")
_LONGEST_PREFIX = 512  # what S3's 1024 leave beside the longest key of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A bucket and the prefix of all keys in it, without a slash at either end; may be empty."""

    bucket: str
    prefix: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Take ``s3://bucket/prefix`` apart. Raises `ConfigurationError`."""
        parts = urlsplit(url)
        prefix = unquote(parts.path).strip("/")
        if (
            parts.query
            or parts.fragment
            or not _BUCKET.fullmatch(parts.netloc)
            or (prefix and not _PREFIX.fullmatch(prefix))
            or len(prefix) > _LONGEST_PREFIX
        ):
            raise ConfigurationError(
                f"storage url {url!r} names no place in a bucket; write s3://BUCKET/PREFIX, the "
                "prefix of letters, digits and . _ -; endpoint, region and credentials are "
                "settings of [plugin.storage-s3]"
            )
        return cls(bucket=parts.netloc, prefix=prefix)

    def path(self, key: str) -> str:
        """The key of the bucket for a key of ours."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def key(self, path: str) -> str:
        """The reverse of `path`; empty for what is not below the prefix."""
        if not self.prefix:
            return path
        head, _, key = path.partition(f"{self.prefix}/")
        return "" if head else key
