"""The laws of DIMSE services, as `pacs plugin check` runs them."""

from __future__ import annotations

import pytest

from pacs_worklist.contract import TestWorklist

__all__ = ["TestWorklist"]

pytestmark = pytest.mark.pacs_guards
