"""The laws of storage backends, as `pacs plugin check` runs them."""

from __future__ import annotations

import pytest

from pacs_storage_azure.contract import TestContainer

__all__ = ["TestContainer"]

pytestmark = pytest.mark.pacs_guards
