"""From which AE title an instance was stored: what limits by AE title go by.

It is what the archive knows of the sender, never what a sender says of somebody else.
"""

from __future__ import annotations

from functools import lru_cache

from pacs_framework.archive.incoming import Origin
from pacs_framework.dicom.part10 import source_in
from pacs_framework.index.entry import storable

__all__ = ["OWN_DOORS", "source_of", "title_of"]

OWN_DOORS = frozenset({"import", "recovery", "reindex"})
"""Ways in that whoever runs the archive opens himself: what comes by them has no other sender than
the one that its file names.
"""

_LONGEST = 16  # characters of an AE title (PS3.5 Table 6.2-1)


def source_of(origin: Origin, prefix: bytes) -> str:
    """The AE title that an instance was stored from, empty where none is known.

    That of the caller; of a file that the archive's own people bring, Source Application Entity
    Title (0002,0016) of its ``prefix`` (PS3.10 Table 7.1-1).
    """
    if not origin.calling_aet and origin.door in OWN_DOORS:
        return title_of(source_in(prefix))
    return title_of(origin.calling_aet)


@lru_cache(maxsize=1024)
def title_of(name: str) -> str:
    """``name`` where it can be an AE title, else nothing: cut short it would be somebody else's."""
    return storable(name) if len(name) <= _LONGEST else ""
