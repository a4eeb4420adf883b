"""What conditions are asked about: one instance, how it came, and what the clock says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from pacs_framework.conditions import NUMBER, Subject, values_in
from pacs_routing.vocabulary import WEEKDAYS

if TYPE_CHECKING:
    from pacs_framework.archive.incoming import Origin

__all__ = ["InstanceFacts"]


class InstanceFacts:
    """One instance (see `pacs_framework.conditions.Facts`).

    ``header`` gives its data set up to the pixels, or as much as is asked about, None where nobody
    can read it; it is called when an attribute is first asked for. ``at`` is the present moment on
    the local clock.
    """

    def __init__(
        self,
        header: Callable[[], Dataset | None],
        *,
        origin: Origin,
        transfer_syntax_uid: str,
        at: dt.datetime,
    ) -> None:
        self._header = header
        self._facts = {
            "CallingAET": origin.calling_aet,
            "CalledAET": origin.called_aet,
            "Address": origin.address,
            "Door": origin.door,
            "TLSSubject": origin.tls_subject,
            "TransferSyntaxUID": transfer_syntax_uid,
            "date": at.strftime("%Y%m%d"),
            "time": at.strftime("%H%M%S.%f"),
            "weekday": WEEKDAYS[at.weekday()],
        }

    @cached_property
    def _dataset(self) -> Dataset | None:
        return self._header()

    def values(self, subject: Subject) -> Sequence[str | None]:
        """The values of an attribute or of a fact in `pacs_routing.vocabulary`."""
        if subject.fact:
            found = self._facts[subject.fact]
            return [found] if found else []
        return self._attribute(subject)

    def number(self, keyword: str) -> int:
        """An attribute as a number; 0 where it is absent or none."""
        tag = tag_for_keyword(keyword) or 0
        for value in self._attribute(Subject(keyword, NUMBER, tags=(tag,))):
            if value is not None and value.isdecimal():
                return int(value)
        return 0

    def _attribute(self, subject: Subject) -> Sequence[str | None]:
        dataset = self._dataset
        return [None] if dataset is None else values_in(dataset, subject)
