"""The contract that this plugin keeps, as tests; `pacs plugin check` and its own tests run them.

Nothing of the plugin imports this module: pytest is no dependency.
"""

from __future__ import annotations

from typing import ClassVar

import pytest

from pacs_framework.testing.suites.jobs import JobQueueSuite
from pacs_jobs import plugin as hooks
from pacs_jobs.tables import NAME

__all__ = ["TestJobQueue"]


class TestJobQueue(JobQueueSuite):
    """The queue in tables, on each engine."""

    plugin_name: ClassVar[str] = NAME

    @pytest.fixture
    def plugin(self) -> object:
        """The module behind the entry point."""
        return hooks
