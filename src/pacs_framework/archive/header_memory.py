"""What queries read of stored headers, remembered: a search that comes again opens no object.

An object never changes under its key, and the index is asked at each query which object speaks for
an entity. So nothing here can be stale, on however many nodes; what was deleted or replaced is not
asked for any more, and goes as others come.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from pydicom.dataelem import RawDataElement
from pydicom.valuerep import VR

from pacs_framework.archive.stored_header import read_attributes

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.dataelem import DataElement

    from pacs_framework.index.aggregates import FirstInstance
    from pacs_framework.storage import StorageBackend

__all__ = ["HeaderMemory"]

_MOST = 4096
_LARGEST = 1 << 12  # bytes of the values of one header; longer ones are read again
_ITEM = 16  # bytes, about what an element in a sequence takes beside its value


class HeaderMemory:
    """Reads attributes of stored headers, each of an object once. For all threads."""

    def __init__(self, storage: StorageBackend) -> None:
        self._storage = storage
        self._held: OrderedDict[tuple[str, frozenset[int]], Dataset] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, instance: FirstInstance, tags: AbstractSet[int]) -> Dataset:
        """The elements with ``tags`` as `read_attributes` gives them; not to be changed.

        Raises `UnreadableInstance` and `StorageError`.
        """
        asked = instance.storage_key, frozenset(tags)
        with self._lock:
            found = self._held.get(asked)
            if found is not None:
                self._held.move_to_end(asked)
                return found
        with self._storage.open(instance.storage_key, offset=instance.dataset_offset) as data:
            found = read_attributes(data, instance.transfer_syntax_uid, tags)
        if sum(map(_size, found.values())) <= _LARGEST:
            with self._lock:
                self._held[asked] = found
                if len(self._held) > _MOST:
                    self._held.popitem(last=False)
        return found


def _size(element: RawDataElement | DataElement) -> int:
    """Bytes of a value, as it was encoded; pydicom has read sequences without a length already."""
    if isinstance(element, RawDataElement):
        return len(element.value or b"")
    items = element.value if element.VR == VR.SQ else ()
    return sum(_ITEM + _size(inner) for item in items for inner in item.values())
