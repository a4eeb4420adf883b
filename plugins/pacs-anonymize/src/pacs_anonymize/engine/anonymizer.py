"""The anonymizer that plugins and commands use: a profile and a key."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydicom import Dataset

from pacs_anonymize.engine.changes import Change
from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.patients import PatientTable
from pacs_anonymize.engine.plan import Plans
from pacs_anonymize.engine.profile import Profile
from pacs_anonymize.engine.pseudonyms import KEY_BYTES, Pseudonyms
from pacs_anonymize.engine.run import Run
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.errors import NotAnonymized

__all__ = ["KEY_BYTES", "Change", "ProfileAnonymizer"]

_tag_in = re.compile(r"\([0-9A-Fa-f]{4},[0-9A-Fa-f]{4}\)").search


class ProfileAnonymizer(Anonymizer):
    """De-identifies data sets by a profile; the same key gives the same pseudonyms everywhere.

    ``key`` is secret and at least `KEY_BYTES` long: who has it can find out which pseudonym belongs
    to a known patient. ``report`` is called with each `Change` in the order of the walk; it must be
    picklable where the anonymizer goes to other processes. ``patients`` goes before the key where
    the site names its patients itself. Raises ValueError for a short key.
    """

    def __init__(
        self,
        profile: Profile,
        key: bytes,
        report: Callable[[Change], None] | None = None,
        patients: PatientTable | None = None,
    ) -> None:
        self.profile = profile
        self.description = _describe(profile)
        self.keeps_uids = Option.RETAIN_UIDS in profile.options
        self._arguments = (profile, key, report, patients)
        self._pseudonyms = Pseudonyms(key)
        self._plans = Plans(profile)
        self._report = report
        self._patients = patients

    def __reduce__(self) -> tuple[Any, ...]:
        """By its arguments: plans and pseudonyms found so far are made anew where it goes."""
        return type(self), self._arguments

    def anonymize(self, dataset: Dataset) -> Dataset:
        """The data set, de-identified in place. Raises `NotAnonymized`, never with a value."""
        try:
            run = Run(self._plans, self._pseudonyms, self._report, self._patients)
            return run.anonymize(dataset)
        except NotAnonymized:
            raise
        except PYDICOM_FAILURES as error:
            raise NotAnonymized(
                f"the data set cannot be followed ({_cause(error)}): it is damaged, or of a kind "
                f"that is not known here"
            ) from None


def _cause(error: Exception) -> str:
    """What failed and where, without pydicom's message: that may quote the patient's value."""
    found = _tag_in(str(error))
    return f"{type(error).__name__} at {found[0]}" if found else type(error).__name__


def _describe(profile: Profile) -> str:
    """The profile in a few words for tables."""
    parts = ["PS3.15 E.2 Basic Profile", *sorted(profile.options)]
    if profile.rules:
        parts.append(f"own rules: {len(profile.rules)}")
    return ", ".join(parts)
