"""The URL of a place in a container of Azure Blob Storage."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pacs_framework.buckets import address

__all__ = ["Address"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address(address.Address):
    """``az://container/prefix``; a container is what other stores call a bucket."""

    form = "az://CONTAINER/PREFIX"
    buckets = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*")
    section = "plugin.storage-azure"
