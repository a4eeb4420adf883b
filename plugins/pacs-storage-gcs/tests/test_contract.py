"""The laws of storage backends, as `pacs plugin check` runs them."""

from __future__ import annotations

import pytest

from pacs_storage_gcs.contract import TestBucket

__all__ = ["TestBucket"]

pytestmark = pytest.mark.pacs_guards
