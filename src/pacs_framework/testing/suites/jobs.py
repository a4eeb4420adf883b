"""The laws of queues of jobs: inherit `JobQueueSuite` and give the fixture ``plugin``.

::

    class TestMyQueue(JobQueueSuite):
        plugin_name = "my-queue"

        @pytest.fixture
        def plugin(self):
            return my_queue.plugin

The laws are tried in real archives with that plugin, on SQLite and on PostgreSQL, with work that
the suite brings. Plugins that put jobs in rely on all of them.
"""

from __future__ import annotations

from pacs_framework.testing.suites.job_laws.ending import Ending
from pacs_framework.testing.suites.job_laws.limiting import Limiting
from pacs_framework.testing.suites.job_laws.putting import Putting
from pacs_framework.testing.suites.job_laws.steering import Steering

__all__ = ["JobQueueSuite"]


class JobQueueSuite(Putting, Ending, Limiting, Steering, suite=True):
    """Every law of `pacs_framework.jobs.JobQueue`."""
