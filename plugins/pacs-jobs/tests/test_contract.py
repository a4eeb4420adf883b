"""The laws of queues of jobs, as `pacs plugin check` runs them."""

from __future__ import annotations

import pytest

from pacs_jobs.contract import TestJobQueue

__all__ = ["TestJobQueue"]

pytestmark = pytest.mark.pacs_guards
