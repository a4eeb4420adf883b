"""Work that is done later: the contract of kinds of jobs, and of the queue that keeps them.

A plugin names its kinds of jobs in the hook ``job_kinds`` and puts jobs in by ``archive.jobs``, a
`JobQueue`, which a plugin provides (hook ``job_queue``).
"""

from pacs_framework.jobs.context import JobContext
from pacs_framework.jobs.kinds import JobKind, Rate
from pacs_framework.jobs.missing import MissingJobQueue
from pacs_framework.jobs.model import (
    LARGEST_PAYLOAD,
    LONGEST_NAME,
    Enqueued,
    Job,
    JobFilter,
    JobLogLine,
    JobOrder,
    JobState,
    JobSummary,
    Pause,
    Progress,
    Repeat,
    encoded,
)
from pacs_framework.jobs.outcomes import JobCanceled, JobFailed, JobPutOff, JobRefused
from pacs_framework.jobs.queue import JobNews, JobQueue
from pacs_framework.jobs.registry import JobKinds, provided_queue

__all__ = [
    "LARGEST_PAYLOAD",
    "LONGEST_NAME",
    "Enqueued",
    "Job",
    "JobCanceled",
    "JobContext",
    "JobFailed",
    "JobFilter",
    "JobKind",
    "JobKinds",
    "JobLogLine",
    "JobNews",
    "JobOrder",
    "JobPutOff",
    "JobQueue",
    "JobRefused",
    "JobState",
    "JobSummary",
    "MissingJobQueue",
    "Pause",
    "Progress",
    "Rate",
    "Repeat",
    "encoded",
    "provided_queue",
]
