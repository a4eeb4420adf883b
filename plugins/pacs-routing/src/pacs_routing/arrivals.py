"""From what came in to jobs that send it: the consumer of the change feed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import structlog
from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from pacs_framework.archive.changes import ARRIVALS
from pacs_framework.archive.marks import Subject
from pacs_framework.archive.retrieve import StoredInstance
from pacs_framework.archive.stored_header import read_attributes
from pacs_framework.errors import ConfigurationError, ObjectNotFound, UnreadableInstance
from pacs_framework.jobs import JobOrder
from pacs_framework.tables import now
from pacs_routing.deciding import firing, tags_of
from pacs_routing.facts import InstanceFacts
from pacs_routing.gathering import Gathering, counting_attributes
from pacs_routing.settings import Complete
from pacs_routing.terms import JOB_PRIORITY, kind_of, version_key

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change
    from pacs_framework.index.lookup import IndexedInstance
    from pacs_routing.settings import Destination, Priority, RoutingSettings, Rule

__all__ = ["arrived", "order_by_hand"]

_log = structlog.get_logger(__name__)


def arrived(changes: Sequence[Change], archive: Archive, settings: RoutingSettings) -> None:
    """Do what the rules say that are true of it. Doing it twice sends nothing twice."""
    arrivals = _Arrivals(archive, settings)
    orders = list(arrivals.orders(changes))
    if orders:
        archive.jobs.enqueue(orders)
    arrivals.gathering.let_go()
    for study, rule in arrivals.labelled.items():
        _label(archive, *study, rule)


def _label(archive: Archive, study: str, label: str, rule: Rule) -> None:
    subject = Subject(study=study)
    if archive.marks.labels(subject, label):
        return  # without a turn at the pen, as for nearly every instance but the first
    with suppress(ConfigurationError):  # it was deleted since
        archive.marks.label(subject, label, by=f"routing rule {rule.name}")


def order_by_hand(destination: str, study: str, instance: str, priority: Priority) -> JobOrder:
    """What has an instance sent because a person wants it, also when it was sent before."""
    return JobOrder(
        kind=kind_of(destination),
        lane=study,
        priority=JOB_PRIORITY[priority],
        payload={"study": study, "instance": instance, "rule": "", "priority": str(priority)},
    )


def _order(destination: str, facts: IndexedInstance, rule: Rule) -> JobOrder:
    """What has an instance sent: once for each version of it, by its key."""
    return JobOrder(
        kind=kind_of(destination),
        key=version_key(facts.sop_instance_uid, facts.dataset_digest),
        lane=facts.study_instance_uid,
        priority=JOB_PRIORITY[rule.priority],
        held=rule.complete is not Complete.INSTANCE,
        payload={
            "study": facts.study_instance_uid,
            "series": facts.series_instance_uid,
            "instance": facts.sop_instance_uid,
            "rule": rule.name,
            "priority": str(rule.priority),
        },
    )


class _Arrivals:
    """Some changes that are looked at together."""

    def __init__(self, archive: Archive, settings: RoutingSettings) -> None:
        self._archive = archive
        self._rules = settings.rule
        self._destinations = {each.name: each for each in settings.destination}
        self._tags = tags_of(settings.rule) | {
            tag_for_keyword(keyword) or 0 for keyword in counting_attributes(settings.rule)
        }
        self.gathering = Gathering(archive)
        self.labelled: dict[tuple[str, str], Rule] = {}
        """Study Instance UID and label, and the rule that wants it; filled by `orders`."""
        self._at = now()

    def orders(self, changes: Iterable[Change]) -> Iterator[JobOrder]:
        """Jobs that send, then the timers of those that wait for others."""
        for change in changes:
            if change.kind not in ARRIVALS:
                continue
            facts = self._archive.lookup.instance(change.sop_instance_uid)
            if facts is None:
                continue  # deleted since
            about = self._about(change, facts)
            for destination, rule in self._chosen(change, facts, about).items():
                yield _order(destination, facts, rule)
                if rule.complete is not Complete.INSTANCE:
                    self.gathering.add(rule, facts, about)
        yield from self.gathering.timers(self._at)

    def _about(self, change: Change, facts: IndexedInstance) -> InstanceFacts:
        return InstanceFacts(
            lambda: self._header(facts),
            origin=change.origin,
            transfer_syntax_uid=facts.transfer_syntax_uid,
            at=change.at.astimezone(),  # on the clock of this machine
        )

    def _chosen(
        self, change: Change, facts: IndexedInstance, about: InstanceFacts
    ) -> dict[str, Rule]:
        """The destinations, each with the rule that sends there soonest."""
        chosen: dict[str, Rule] = {}
        for rule in firing(self._rules, about):
            if rule.label:
                self.labelled[facts.study_instance_uid, rule.label] = rule
            for name in rule.send_to:
                if self._is_sender(self._destinations[name], change.origin.calling_aet):
                    continue
                other = chosen.get(name)
                if other is None or _eagerness(rule) > _eagerness(other):
                    chosen[name] = rule
        return chosen

    @staticmethod
    def _is_sender(destination: Destination, calling_aet: str) -> bool:
        """Nobody gets back what he sent: two archives that send each other all would never end."""
        return bool(destination.peer) and destination.peer == calling_aet

    def _header(self, facts: IndexedInstance) -> Dataset | None:
        """What the rules ask about; None where nobody can read it.

        Raises `StorageError`: then the change feed comes again.
        """
        try:
            opened = self._archive.retrieve.open(_stored(facts))
            with closing(opened.data):
                return read_attributes(opened.data, opened.instance.transfer_syntax_uid, self._tags)
        except ObjectNotFound:
            return Dataset()  # deleted in this moment: what is to send it finds nothing
        except UnreadableInstance as error:
            # It will not be readable later either, and others wait behind it.
            _log.error(
                "rules see no attributes of an instance",
                sop_instance_uid=facts.sop_instance_uid,
                cause=str(error),
            )
            return None


def _eagerness(rule: Rule) -> tuple[bool, int]:
    return rule.complete is Complete.INSTANCE, JOB_PRIORITY[rule.priority]


def _stored(facts: IndexedInstance) -> StoredInstance:
    return StoredInstance(
        sop_class_uid=facts.sop_class_uid,
        sop_instance_uid=facts.sop_instance_uid,
        transfer_syntax_uid=facts.transfer_syntax_uid,
        storage_key=facts.storage_key,
        dataset_offset=facts.dataset_offset,
        size=facts.size,
    )
