"""Whether all of a series or a study has arrived where it was to go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pacs_framework.jobs import JobFilter, JobState
from pacs_routing.terms import kind_of, name_of, version_key

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.index.lookup import IndexedInstance
    from pacs_framework.jobs import Job
    from pacs_routing.settings import RoutingSettings, Rule

__all__ = ["not_arrived", "under_way"]

_PAGE = 500
_OPEN = (JobState.RUNNING, JobState.WAITING, JobState.HELD, JobState.FAILED)


def under_way(archive: Archive, settings: RoutingSettings, study: str) -> tuple[str, bool]:
    """What of the study is still to go to any destination, in words, and whether it goes now.

    Empty where there is nothing. What was given up is still to go: a person decides.
    """
    kinds = [kind_of(each.name) for each in settings.destination]
    for state in _OPEN:
        which = JobFilter(kinds=kinds, lane=study, states=[state])
        for job in archive.jobs.find(which, most=1):
            said = f"something of it is {state} for {name_of(job.kind)}"
            return said, state is JobState.RUNNING
    return "", False


def not_arrived(archive: Archive, rule: Rule, instances: Sequence[IndexedInstance]) -> str:
    """Which of ``instances``, in the version that is stored, no destination of the rule has got as
    it is stored, in words; empty where all of them have all.
    """
    study = instances[0].study_instance_uid if instances else ""
    for destination in rule.send_to:
        kind = kind_of(destination)
        got = {job.key for job in _done(archive, kind, study) if _is_as_stored(job)}
        missing = _missing(instances, got)
        if missing:
            return f"{missing} of {len(instances)} instances were not sent to {destination}"
    return ""


def _missing(instances: Iterable[IndexedInstance], got: set[str]) -> int:
    keys = (version_key(each.sop_instance_uid, each.dataset_digest) for each in instances)
    return sum(key not in got for key in keys)


def _is_as_stored(job: Job) -> bool:
    result = job.result
    return isinstance(result, dict) and not (result.get("changed") or result.get("sent_as"))


def _done(archive: Archive, kind: str, study: str) -> Iterator[Job]:
    which = JobFilter(kinds=[kind], lane=study, states=[JobState.DONE])
    after = ""
    while found := archive.jobs.find(which, most=_PAGE, after=after):
        yield from found
        after = found[-1].id
