"""Corrections that are one transaction: what `Patients.together` hands out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pacs_framework.archive.corrections import (
    Correction,
    CorrectionKind,
    PatientKey,
    check_demographics,
    check_key,
    stripped,
)

if TYPE_CHECKING:
    from pacs_framework.index.correcting import Correcting

__all__ = ["CorrectionsTogether"]


class CorrectionsTogether:
    """The corrections of one transaction; what each does and refuses says `Patients`."""

    def __init__(self, correcting: Correcting, done: list[Correction]) -> None:
        self._correcting = correcting
        self._done = done

    def update(self, key: PatientKey, changes: Mapping[str, str]) -> Correction | None:
        """See `Patients.update`."""
        checked = check_demographics(changes)
        return self._note(self._correcting.update(check_key(key), checked))

    def merge(
        self, prior: PatientKey, into: PatientKey, changes: Mapping[str, str] | None = None
    ) -> Correction | None:
        """See `Patients.merge`."""
        return self._merge(CorrectionKind.MERGE, prior, into, changes)

    def change_id(
        self, prior: PatientKey, new: PatientKey, changes: Mapping[str, str] | None = None
    ) -> Correction | None:
        """See `Patients.change_id`."""
        return self._merge(CorrectionKind.CHANGE_ID, prior, new, changes)

    def unmerge(
        self, prior: PatientKey, own: Mapping[str, str], others: Mapping[str, str]
    ) -> Correction | None:
        """See `Patients.unmerge`; ``own`` and ``others`` are what the instances say of ``prior``
        and of those that stay.
        """
        return self._note(self._correcting.unmerge(prior, own, others))

    def link(self, one: PatientKey, other: PatientKey) -> Correction | None:
        """See `Patients.link`."""
        return self._note(self._correcting.link(check_key(one), check_key(other)))

    def unlink(self, one: PatientKey, other: PatientKey) -> Correction | None:
        """See `Patients.unlink`."""
        return self._note(self._correcting.unlink(check_key(one), check_key(other)))

    def _merge(
        self,
        kind: CorrectionKind,
        prior: PatientKey,
        into: PatientKey,
        changes: Mapping[str, str] | None,
    ) -> Correction | None:
        checked = check_demographics(changes or {})
        return self._note(self._correcting.merge(kind, stripped(prior), check_key(into), checked))

    def _note(self, correction: Correction | None) -> Correction | None:
        if correction is not None:
            self._done.append(correction)
        return correction
