"""Presentation LUT: N-CREATE and N-DELETE (PS3.4 H.4.9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom import Dataset

from pacs_framework.dicom.status import Status
from pacs_framework.network.errors import NormalizedFailure
from pacs_framework.network.normalized import Outcome
from pacs_print.queue.records import LutRecord
from pacs_print.services.attributes import (
    dataset_of,
    enumerated,
    item_of,
    missing,
    read,
    refused,
    tag,
)
from pacs_print.services.classes import PRESENTATION_LUT
from pacs_print.terms import PresentationLutShape

if TYPE_CHECKING:
    from pacs_print.services.desk import Desk

__all__ = ["create", "delete"]

_SEQUENCE = "PresentationLUTSequence"
_SHAPE = "PresentationLUTShape"
_ENTRIES = (256, 4096)  # for pixels of 8 bits, and of 12


def create(desk: Desk) -> Outcome:
    """A shape or a table; film boxes and image boxes name it."""
    dataset = desk.operation.required_dataset()
    given = read(
        dataset, [enumerated(_SHAPE, [*PresentationLutShape])], known=(_SEQUENCE,), creating=True
    )
    table = item_of(dataset, _SEQUENCE)
    if (table is None) == (_SHAPE not in given.values):
        raise NormalizedFailure(
            "a Presentation LUT has a sequence or a shape, one of the two",
            status=Status.MISSING_ATTRIBUTE if table is None else Status.INVALID_ATTRIBUTE_VALUE,
            attributes=[tag(_SEQUENCE), tag(_SHAPE)],
        )
    record = (
        LutRecord(shape=PresentationLutShape(str(given.values[_SHAPE])))
        if table is None
        else _table(table)
    )
    desk.tree.add_lut(desk.operation.sop_instance_uid, record)
    return Outcome(
        status=given.status, dataset=dataset_of(given.values), attributes=given.attributes
    )


def delete(desk: Desk) -> Outcome:
    """Film boxes that named it keep what it said."""
    desk.tree.delete(desk.tree.find(desk.operation.sop_instance_uid, PRESENTATION_LUT))
    return Outcome()


def _table(item: Dataset) -> LutRecord:
    missing(item, "LUTDescriptor", "LUTData")
    try:
        entries, first, bits = (int(value) for value in item.LUTDescriptor)
    except (TypeError, ValueError):
        entries = first = bits = 0
    if entries not in _ENTRIES or first != 0 or not 10 <= bits <= 16:
        raise refused(
            "a Presentation LUT has 256 or 4096 entries from 0 on, of 10 to 16 bits",
            [tag("LUTDescriptor")],
        )
    values = _values(item.LUTData)
    if len(values) != entries or max(values) >= 1 << bits:
        raise refused("LUT Data is not what its descriptor says", [tag("LUTData")])
    return LutRecord(table=values, bits=bits)


def _values(data: Any) -> tuple[int, ...]:
    if isinstance(data, bytes):  # OW
        return tuple(np.frombuffer(data[: len(data) // 2 * 2], "<u2").tolist()) or (0,)
    values = data if isinstance(data, Sequence) else (data,)
    return tuple(int(value) for value in values)
