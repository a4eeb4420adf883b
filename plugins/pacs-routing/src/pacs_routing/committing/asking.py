"""The jobs that ask a destination for storage commitment, and delete what it has committed to."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import structlog

from pacs_framework.errors import DeletionRefused, InstanceProtected, NothingToDelete, PacsError
from pacs_framework.jobs import JobFailed, JobFilter, JobKind, JobPutOff
from pacs_framework.network.breaking import Breakable
from pacs_framework.tables import Pauses, now
from pacs_routing.committing.arrived import not_arrived, under_way
from pacs_routing.committing.contract import COMMITTED, requestor_of
from pacs_routing.committing.unit import Unit, check_payload
from pacs_routing.terms import COMMIT, DOOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacs_framework.archive.archive import Archive
    from pacs_framework.index.lookup import IndexedInstance
    from pacs_framework.jobs import JobContext
    from pacs_routing.committing.contract import CommitmentOutcome, CommitmentRequestor
    from pacs_routing.settings import Destination, RoutingSettings, Rule

__all__ = ["Asker"]

_WAIT = 3.0  # seconds for a report on the same association; later ones come on one of the peer's
_PAUSES = Pauses(first=10.0, longest=600.0)
_DELETION = Pauses(first=30.0, longest=30.0)
_GIVEN_UP = "given up: "

_log = structlog.get_logger(__name__)


class _Kept(Exception):
    """It is not deleted by this request; another one may follow."""


class Asker(Breakable):
    """Asks and deletes, for the rules of one archive. Threads may share it."""

    def __init__(self, archive: Archive, settings: RoutingSettings) -> None:
        super().__init__()
        self.archive = archive
        self._settings = settings
        self._rules = {rule.name: rule for rule in settings.rule if rule.delete_when_committed}
        self._destinations = {each.name: each for each in settings.destination}

    def kind(self) -> JobKind:
        """The kind of its jobs."""
        return JobKind(
            name=COMMIT,
            description="Ask for storage commitment, and delete what is safe elsewhere",
            run=self.run,
            at_once=4,
            attempts=0,
            pauses=_PAUSES,
            check=check_payload,
        )

    def run(self, context: JobContext) -> dict[str, Any]:
        """One request, from the question to the deletion; called again when there is news."""
        unit = Unit.read(context.payload)
        rule = self._rules.get(unit.rule)
        if rule is None:
            return {"kept": "no rule deletes it any more"}
        if not unit.instances(self.archive):
            return {"gone": True}
        if self._is_seen_to(context):
            return {"kept": "another job has seen to this report"}
        try:
            outcome = self._outcome(context, unit, rule)
            return self._delete(unit, rule, outcome)
        except _Kept as kept:
            return self._again(context, unit, rule, str(kept))

    def _outcome(self, context: JobContext, unit: Unit, rule: Rule) -> CommitmentOutcome:
        """The answer of the destination. Raises `_Kept` for none in time, `JobPutOff` for now."""
        requestor, destination = requestor_of(self.archive), self._committer(rule)
        outcome = requestor.outcome(context.key)
        if outcome is None:
            instances = self._checked(unit, rule)
            wanted = [(each.sop_class_uid, each.sop_instance_uid) for each in instances]
            outcome = self._asked(requestor, destination, context.key, wanted)
        if outcome is None:
            raise _Kept("the request is not known any more")
        if outcome.is_over:
            return outcome
        latest = outcome.asked + dt.timedelta(seconds=destination.commitment_timeout)
        if now() >= latest:
            raise _Kept(f"no report came within {destination.commitment_timeout:g} s")
        raise JobPutOff(f"{destination.peer} has not reported yet", until=latest)

    def _asked(
        self,
        requestor: CommitmentRequestor,
        destination: Destination,
        uid: str,
        wanted: Sequence[tuple[str, str]],
    ) -> CommitmentOutcome | None:
        """Raises what keeps the destination from being asked: that is a failed attempt."""
        try:
            with self.breakable():
                requestor.request(destination.peer, uid, wanted, wait=_WAIT)
        except (PacsError, OSError):
            outcome = requestor.outcome(uid)
            if outcome is None or not outcome.is_over:
                raise
            return outcome
        return requestor.outcome(uid)

    def _is_seen_to(self, context: JobContext) -> bool:
        """Whether this is the second job for a report that came while the first one was at work."""
        which = JobFilter(kinds=[COMMIT], key=context.key)
        others = (job for job in self.archive.jobs.find(which) if job.id != context.job.id)
        return any(job.created < context.job.created and job.state.is_over for job in others)

    def _committer(self, rule: Rule) -> Destination:
        return self._destinations[rule.delete_when_committed]

    def _checked(self, unit: Unit, rule: Rule) -> Sequence[IndexedInstance]:
        """What there is of the unit. Raises `_Kept` where not all of it is where it should be."""
        instances = unit.instances(self.archive)
        missing = under_way(self.archive, self._settings, unit.study)[0]
        missing = missing or not_arrived(self.archive, rule, instances)
        if missing:
            raise _Kept(missing)
        return instances

    def _delete(self, unit: Unit, rule: Rule, outcome: CommitmentOutcome) -> dict[str, Any]:
        """All that the archive has now is committed to, in this version, or nothing goes."""
        looked = now()
        instances = self._checked(unit, rule)
        self._require_committed(rule, instances, outcome)
        try:
            deletion = self.archive.deleting.delete(
                unit.target,
                by=f"routing rule {rule.name}",
                reason=f"{self._committer(rule).peer} has committed to its storage",
                origin=_origin(),
                delivered_only=True,
                idle_since=looked,
            )
        except NothingToDelete:
            return {"gone": True}
        except InstanceProtected as error:
            raise JobFailed(f"{_GIVEN_UP}{error}") from error
        except DeletionRefused as error:
            raise JobPutOff(str(error), until=_DELETION.until(0)) from error
        return {"deleted": deletion.instances, "deletion": deletion.number}

    def _require_committed(
        self, rule: Rule, instances: Sequence[IndexedInstance], outcome: CommitmentOutcome
    ) -> None:
        told = [outcome.results.get(each.sop_instance_uid) for each in instances]
        refused = [reason for reason in told if reason != COMMITTED]
        if not refused:
            return
        reason = next((f": {each:04X}H" for each in refused if each is not None), "")
        said = outcome.error or f"{len(refused)} of {len(told)} instances are not committed"
        raise _Kept(f"{self._committer(rule).peer}: {said}{reason}")

    def _again(self, context: JobContext, unit: Unit, rule: Rule, why: str) -> dict[str, Any]:
        """From the beginning, later, under another Transaction UID, as often as is configured.

        Raises `JobFailed` after that, for a person, who may have it done once more.
        """
        number = context.payload["round"] + 1
        if context.job.error.startswith(_GIVEN_UP):
            number = 0
        _log.warning("instances are not deleted", rule=rule.name, cause=why, round=number)
        destination = self._committer(rule)
        if destination.attempts and number >= destination.attempts:
            raise JobFailed(f"{_GIVEN_UP}{why}")
        pauses = Pauses(first=destination.retry_first, longest=destination.retry_longest)
        self.archive.jobs.enqueue([unit.order(pauses.until(number), number)])
        return {"kept": why}


def _origin() -> Any:
    from pacs_framework.archive.incoming import Origin  # noqa: PLC0415 - one line of many imports

    return Origin(door=DOOR)
