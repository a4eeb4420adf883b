"""A profile as it is used: what is done with attributes, and which instances it does not take."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from pydicom import Dataset

from pacs_anonymize.conditions.predicates import Condition
from pacs_anonymize.engine.anonymizer import Change, ProfileAnonymizer
from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.profile import Profile
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.errors import NotAnonymized

__all__ = ["LoadedProfile", "RefusedInstance", "RefusingAnonymizer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedInstance:
    """A kind of instance that a profile does not take, since its header alone is not enough."""

    when: Condition
    reason: str


class RefusingAnonymizer(Anonymizer):
    """Looks whether an instance is one that the profile takes, then has it de-identified."""

    def __init__(self, anonymizer: Anonymizer, refused: tuple[RefusedInstance, ...]) -> None:
        self._anonymizer = anonymizer
        self._refused = refused
        self.description = anonymizer.description
        self.keeps_uids = anonymizer.keeps_uids

    def anonymize(self, dataset: Dataset) -> Dataset:
        """What the anonymizer makes of it. Raises `NotAnonymized` for one that is refused."""
        for each in self._refused:
            if each.when(dataset):
                raise NotAnonymized(each.reason)
        return self._anonymizer.anonymize(dataset)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedProfile:
    """A profile with all that a file may say of it."""

    profile: Profile
    description: str
    refused: tuple[RefusedInstance, ...] = ()

    @property
    def keeps_uids(self) -> bool:
        """Whether UIDs of instances, series and studies stay (PS3.15 E.3.9)."""
        return Option.RETAIN_UIDS in self.profile.options

    def with_options(self, options: Iterable[Option]) -> LoadedProfile:
        """The same with more options. Raises `ConfigurationError` where they contradict."""
        both = self.profile.options | frozenset(options)
        return replace(self, profile=replace(self.profile, options=both))

    def anonymizer(self, key: bytes, report: Callable[[Change], None] | None = None) -> Anonymizer:
        """What does it; ``report`` is told each change."""
        made = ProfileAnonymizer(self.profile, key, report)
        made.description = self.description
        return RefusingAnonymizer(made, self.refused) if self.refused else made
