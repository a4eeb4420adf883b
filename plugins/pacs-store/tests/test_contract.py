"""The laws of DIMSE services, as `pacs plugin check` runs them."""

from __future__ import annotations

import pytest

from pacs_store.contract import TestStorage

__all__ = ["TestStorage"]

pytestmark = pytest.mark.pacs_guards
