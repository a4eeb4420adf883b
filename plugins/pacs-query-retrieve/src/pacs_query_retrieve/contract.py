"""The contract that this plugin keeps, as tests; `pacs plugin check` and its own tests run them.

Nothing of the plugin imports this module: pytest is no dependency.
"""

from __future__ import annotations

import pytest

from pacs_framework.testing.suites.service import ServiceSuite
from pacs_query_retrieve import plugin as hooks

__all__ = ["TestQueryRetrieve"]


class TestQueryRetrieve(ServiceSuite):
    """C-FIND, C-MOVE and C-GET."""

    reads_dataset = True
    cancels = True
    negotiates = True

    @pytest.fixture
    def plugin(self) -> object:
        """The module behind the entry point."""
        return hooks
