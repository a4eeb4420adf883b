"""An instance as the next plugin sees it, after one before has coerced its data set."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pydicom.multival import MultiValue

from pacs_framework.dicom.attributes import INDEXED

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_framework.archive.incoming import IncomingInstance
    from pacs_framework.archive.outgoing import OutgoingInstance

__all__ = ["coerced_instance", "indexed_text"]

_Instance = TypeVar("_Instance", "IncomingInstance", "OutgoingInstance")


def coerced_instance(instance: _Instance, dataset: Dataset) -> _Instance:
    """``instance`` with ``dataset`` in place of what was received or stored; ``size`` stays.

    UIDs that ``dataset`` lacks are taken from ``instance``.
    """
    attributes = indexed_text(dataset)
    return replace(
        instance,
        sop_class_uid=attributes["SOPClassUID"] or instance.sop_class_uid,
        sop_instance_uid=attributes["SOPInstanceUID"] or instance.sop_instance_uid,
        attributes=attributes,
        load_dataset=lambda: copy.deepcopy(dataset),
    )


def indexed_text(dataset: Dataset) -> Mapping[str, str]:
    """Keyword → text of every indexed attribute, several values joined by a backslash."""
    return {
        keyword: _text(dataset[attribute.tag].value) if attribute.tag in dataset else ""
        for keyword, attribute in INDEXED.items()
    }


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, MultiValue | list | tuple):
        return "\\".join(_text(each) for each in value)
    return str(value).strip(" \0")
