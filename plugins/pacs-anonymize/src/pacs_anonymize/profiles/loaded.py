"""A profile as it is used: what is done with attributes, and which instances it does not take."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydicom import Dataset

from pacs_anonymize.conditions import InstanceCondition
from pacs_anonymize.engine.anonymizer import Change, ProfileAnonymizer
from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.patients import PatientTable
from pacs_anonymize.engine.profile import Profile
from pacs_anonymize.pixels.anonymizer import PixelCleaner, PixelProfile
from pacs_anonymize.pixels.faces import defacer_named
from pacs_anonymize.pixels.known import pixel_rules
from pacs_anonymize.pixels.options import AnyOption, PixelOption, split_options
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.pixel_work import AnonymousDataSet
from pacs_framework.errors import NotAnonymized

__all__ = ["LoadedProfile", "RefusedInstance", "RefusingAnonymizer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedInstance:
    """A kind of instance that a profile does not take, since its header alone is not enough."""

    when: InstanceCondition
    reason: str


class RefusingAnonymizer(Anonymizer):
    """Looks whether an instance is one that the profile takes, then has it de-identified."""

    def __init__(self, anonymizer: Anonymizer, refused: tuple[RefusedInstance, ...]) -> None:
        self._anonymizer = anonymizer
        self._refused = refused
        self.description = anonymizer.description
        self.keeps_uids = anonymizer.keeps_uids

    def anonymize(self, dataset: Dataset) -> Dataset | AnonymousDataSet:
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
    pixels: PixelProfile = field(default_factory=PixelProfile)

    @property
    def keeps_uids(self) -> bool:
        """Whether UIDs of instances, series and studies stay (PS3.15 E.3.9)."""
        return Option.RETAIN_UIDS in self.profile.options

    @property
    def works_on_pixels(self) -> bool:
        """Whether frames may have to be decoded."""
        return bool(self.pixels.options)

    def with_options(self, options: Iterable[AnyOption]) -> LoadedProfile:
        """The same with more options. Raises `ConfigurationError` where they contradict."""
        of_header, of_pixels = split_options(options)
        return replace(
            self,
            profile=replace(self.profile, options=self.profile.options | of_header),
            pixels=replace(self.pixels, options=self.pixels.options | of_pixels),
        )

    def with_pixel_rules(self, files: Iterable[str | Path]) -> LoadedProfile:
        """The same, with the rules of these files behind its own; without any, nothing changes.

        Rules are there to be used: they bring the Clean Pixel Data Option. Raises
        `ConfigurationError` for a file that cannot be.
        """
        named = tuple(files)
        if not named:
            return self
        return replace(
            self,
            pixels=replace(
                self.pixels,
                options=self.pixels.options | {PixelOption.CLEAN_PIXEL_DATA},
                rules=(*self.pixels.rules, *pixel_rules(named)),
                has_files=True,
            ),
        )

    def with_defacer(self, name: str) -> LoadedProfile:
        """The same with a defacer (see `pacs_anonymize.pixels.faces`); none where it is empty."""
        return replace(self, pixels=replace(self.pixels, defacer=name)) if name else self

    def check_defacer(self) -> None:
        """Raises `ConfigurationError` where the defacer that is named is not installed."""
        if self.pixels.defacer:
            defacer_named(self.pixels.defacer)

    def anonymizer(
        self,
        key: bytes,
        report: Callable[[Change], None] | None = None,
        patients: PatientTable | None = None,
    ) -> Anonymizer:
        """What does it; ``report`` is told each change, ``patients`` names those of the site.

        Raises `ConfigurationError` for a defacer that is not installed.
        """
        made: Anonymizer = ProfileAnonymizer(self.profile, key, report, patients)
        made.description = self.description
        if self.works_on_pixels:
            made = PixelCleaner(made, self._ruled(), report)
        return RefusingAnonymizer(made, self.refused) if self.refused else made

    def _ruled(self) -> PixelProfile:
        """With the standard rules, where no files were named."""
        if self.pixels.has_files or PixelOption.CLEAN_PIXEL_DATA not in self.pixels.options:
            return self.pixels
        return replace(self.pixels, rules=(*self.pixels.rules, *pixel_rules(())))
