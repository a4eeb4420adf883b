"""What the section of every plugin for a bucket has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from pacs_framework.config.keys import KeyReference
from pacs_framework.config.types import OptionalPath, Size

__all__ = ["BucketSettings", "Endpoint"]

_SMALLEST_PART = 5 << 20  # of S3, but for the last part
_LARGEST_PART = 256 << 20


def _url_or_empty(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    if endpoint and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query):
        raise ValueError("endpoint is a URL such as https://objects.example.org")
    return endpoint


Endpoint = Annotated[str, AfterValidator(_url_or_empty)]
"""The URL of a store; empty for the one that its makers run."""


class BucketSettings(KeyReference):
    """How long a store may take, how objects go up, and with which keys they are sealed."""

    budget: Annotated[float, Field(ge=1, le=300)] = Field(
        default=30.0,
        description="Seconds for one request with all its retries; then the instance is refused "
        "with A700H, or not given out. Keep it below the time that senders wait.",
    )
    part_size: Annotated[Size, Field(ge=_SMALLEST_PART, le=_LARGEST_PART)] = Field(
        default=8 << 20,
        description="Larger objects are uploaded in parts of this size, each retried by itself; "
        "an upload holds about two of them in memory.",
    )
    ca_file: OptionalPath = Field(
        default=None, description="Certificates (PEM) of the authority that signed the store's."
    )
    key_file: OptionalPath = Field(
        default=None,
        description="File with the key that new objects are encrypted with before they are sent: "
        "64 hexadecimal digits or more, as `openssl rand -hex 32` makes them. Without the key they "
        "are lost.",
    )
    old_key_files: tuple[Path, ...] = Field(
        default=(), description="Files with keys that older objects were encrypted with."
    )

    @property
    def seals(self) -> bool:
        """Whether new objects are encrypted before they are sent."""
        return self.key_file is not None or bool(self.key_env)
