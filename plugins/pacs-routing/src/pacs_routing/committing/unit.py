"""What is deleted together: the series or the study that a rule has waited for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from pacs_framework.archive.deletions import Target
from pacs_framework.jobs import JobOrder, JobRefused, Repeat
from pacs_routing.settings import Complete
from pacs_routing.terms import DELIVERED

if TYPE_CHECKING:
    import datetime as dt

    from pacs_framework.archive.archive import Archive
    from pacs_framework.index.lookup import IndexedInstance
    from pacs_routing.settings import Rule

__all__ = ["Unit", "check_payload"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A study, or one ``series`` of it, that the rule of this name has sent."""

    rule: str
    study: str
    series: str = ""

    @classmethod
    def of(cls, rule: Rule, payload: Mapping[str, Any]) -> Self:
        """Of an instance that is sent by ``rule``, by the payload of its job."""
        series = str(payload["series"]) if rule.complete is Complete.SERIES else ""
        return cls(rule=rule.name, study=str(payload["study"]), series=series)

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> Self:
        """From the payload of a job of its own."""
        return cls(rule=payload["rule"], study=payload["study"], series=payload["series"])

    @property
    def target(self) -> Target:
        """For its deletion."""
        return Target(study=self.study, series=self.series)

    def instances(self, archive: Archive) -> list[IndexedInstance]:
        """What the archive has of it now."""
        found = archive.lookup.instances(self.study)
        return [each for each in found if self.series in ("", each.series_instance_uid)]

    def payload(self, **more: object) -> dict[str, object]:
        """For a job about it."""
        return {**asdict(self), **more}

    def order(self, at: dt.datetime, round_: int = 0) -> JobOrder:
        """The job that waits until all of it has arrived; another order puts it off."""
        return JobOrder(
            kind=DELIVERED,
            key=f"{self.rule} {self.series or self.study}",
            lane=self.study,
            not_before=at,
            repeat=Repeat.POSTPONE,
            payload=self.payload(round=round_),
        )


def check_payload(payload: Mapping[str, Any]) -> None:
    """Raise `JobRefused` for what is about no unit."""
    texts = all(isinstance(payload.get(name), str) for name in ("rule", "study", "series"))
    if not texts or not isinstance(payload.get("round"), int):
        raise JobRefused("these jobs are made by rules with delete_when_committed, not by hand")
