"""The laws of storage backends, as `pacs plugin check` runs them."""

from __future__ import annotations

import pytest

from pacs_storage_filesystem.contract import TestFiles, TestPacks

__all__ = ["TestFiles", "TestPacks"]

pytestmark = pytest.mark.pacs_guards
