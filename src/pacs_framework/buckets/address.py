"""The URL of a place in a bucket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self
from urllib.parse import unquote, urlsplit

from pacs_framework.errors import ConfigurationError

__all__ = ["Address"]

_PREFIX = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z._-]*(/[0-9A-Za-z_-][0-9A-Za-z._-]*)*")
_LONGEST_PREFIX = 512  # what the 1024 that stores take leave beside the longest key of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A bucket and the prefix of all keys in it, without a slash at either end; may be empty.

    A plugin's own class says how its URLs look (``form``), which names buckets have, and in which
    ``section`` of the configuration the rest is.
    """

    form: ClassVar[str]
    buckets: ClassVar[re.Pattern[str]]
    section: ClassVar[str]

    bucket: str
    prefix: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Take ``scheme://bucket/prefix`` apart. Raises `ConfigurationError`."""
        parts = urlsplit(url)
        prefix = unquote(parts.path).strip("/")
        if (
            parts.query
            or parts.fragment
            or not cls.buckets.fullmatch(parts.netloc)
            or (prefix and not _PREFIX.fullmatch(prefix))
            or len(prefix) > _LONGEST_PREFIX
        ):
            raise ConfigurationError(
                f"storage url {url!r} names no place in a bucket; write {cls.form}, the prefix of "
                "letters, digits and . _ -; how the store is reached, and with which credentials, "
                f"is set in [{cls.section}]"
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
