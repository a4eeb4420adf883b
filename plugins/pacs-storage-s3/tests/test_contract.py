"""The laws of storage backends, as `pacs plugin check` runs them."""

from __future__ import annotations

import pytest

from pacs_storage_s3.contract import TestPlain, TestSealed

__all__ = ["TestPlain", "TestSealed"]

pytestmark = pytest.mark.pacs_guards
