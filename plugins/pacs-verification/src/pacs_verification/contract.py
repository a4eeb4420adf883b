"""The contract that this plugin keeps, as tests; `pacs plugin check` and its own tests run them.

Nothing of the plugin imports this module: pytest is no dependency.
"""

from __future__ import annotations

import pytest

from pacs_framework.testing.suites.service import ServiceSuite
from pacs_verification import plugin as hooks

__all__ = ["TestVerification"]


class TestVerification(ServiceSuite):
    """C-ECHO."""

    @pytest.fixture
    def plugin(self) -> object:
        """The module behind the entry point."""
        return hooks
