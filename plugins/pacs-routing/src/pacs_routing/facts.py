"""What conditions are asked about: one instance, how it came, and what the clock says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydicom import Dataset

from pacs_framework.dicom.matching import values_of
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_routing.conditions.kinds import WEEKDAYS

if TYPE_CHECKING:
    from pydicom import DataElement

    from pacs_framework.archive.incoming import Origin
    from pacs_routing.conditions.subjects import Subject

__all__ = ["InstanceFacts"]


class InstanceFacts:
    """One instance (see `pacs_routing.conditions.Facts`).

    ``header`` gives its data set up to the pixels, or as much as is asked about; it is called when
    an attribute is first asked for. ``at`` is the present moment on the local clock.
    """

    def __init__(
        self,
        header: Callable[[], Dataset],
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
    def _dataset(self) -> Dataset:
        return self._header()

    def values(self, subject: Subject) -> Sequence[str]:
        """The values as text; of a sequence one for each item, so that it can be seen to exist."""
        if subject.fact:
            found = self._facts[subject.fact]
            return [found] if found else []
        try:
            return list(_values(self._dataset, subject.tags))
        except PYDICOM_FAILURES:  # what nobody can read fits no condition
            return []


def _values(dataset: Dataset, tags: Sequence[int]) -> Iterator[str]:
    element: DataElement | None = dataset.get(tags[0])
    if element is None:
        return
    if element.VR != "SQ":
        if len(tags) == 1:
            yield from _texts(element)
        return
    for item in element.value or ():
        if len(tags) == 1:
            yield "(item)"
        else:
            yield from _values(item, tags[1:])


def _texts(element: DataElement) -> list[str]:
    value: Any = element.value
    if isinstance(value, bytes):  # of no text, or of a private attribute whose VR is not known
        text = value.decode("ascii", "replace").strip(" \0")
        return text.split("\\") if text else []
    return values_of(element)
