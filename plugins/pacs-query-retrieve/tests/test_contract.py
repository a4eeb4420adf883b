"""The laws of DIMSE services, as `pacs plugin check` runs them."""

from __future__ import annotations

import pytest

from pacs_query_retrieve.contract import TestQueryRetrieve

__all__ = ["TestQueryRetrieve"]

pytestmark = pytest.mark.pacs_guards
