"""How far somebody reaches into the archive: the series that one may know of, and no others.

A query or a retrieval that is kept within a reach answers as an archive would that holds nothing
else: counts, lists and attributes are those of the series in reach, and of each series those of
the instances in reach.
"""

from __future__ import annotations

from dataclasses import dataclass

from pacs_framework.dicom.wildcards import has_wildcard

__all__ = ["Limit", "Reach"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One set of rules that all have to hold; a rule without values holds always.

    ``patients`` are Patient IDs, of any issuer, and ``modalities`` modalities, with ``*`` and ``?``
    as wildcards; case counts. ``studies`` are Study Instance UIDs. ``labels`` are those of the
    study or of its patient, one of which it has to have. ``ae_titles`` are those that instances
    were stored from, with ``*`` and ``?`` too: the one rule that may hold of a part of a series. Of
    an instance whose sender is not known none holds but ``*``.
    """

    patients: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    ae_titles: tuple[str, ...] = ()

    @property
    def is_none(self) -> bool:
        """Whether it limits nothing."""
        of_series = self.patients or self.modalities or self.studies or self.labels
        return not (of_series or self.ae_titles)

    @property
    def names_patients(self) -> bool:
        """Whether its patients are named one by one."""
        return bool(self.patients) and not any(map(has_wildcard, self.patients))


@dataclass(frozen=True, slots=True)
class Reach:
    """Instances within one `Limit` of each of ``groups``, none of which is empty."""

    groups: tuple[tuple[Limit, ...], ...]

    def __post_init__(self) -> None:
        if not self.groups or not all(self.groups):
            raise ValueError("a reach has a limit in each of its groups")

    @property
    def divides_series(self) -> bool:
        """Whether of a series some instances may be in reach and others not."""
        return any(limit.ae_titles for group in self.groups for limit in group)
