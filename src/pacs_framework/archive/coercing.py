"""Putting a changed header in front of the pixels that arrived."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pacs_framework.archive.incoming import Coercion, Origin
from pacs_framework.archive.inspection import Inspected, inspect
from pacs_framework.archive.spool import Spool
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.dicom.rewrite import replace_header
from pacs_framework.errors import InstanceError, PluginError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Coerced", "coerce"]


@dataclass(frozen=True, slots=True)
class Coerced:
    """A changed instance: its bytes, what is announced of it, and what it says of itself."""

    spool: Spool
    meta: FileMeta
    inspected: Inspected


def coerce(
    arrived: Spool,
    meta: FileMeta,
    coercion: Coercion,
    origin: Origin,
    new_spool: Callable[[bytes], Spool],
) -> Coerced:
    """The instance with the header of ``coercion``, checked as if it had arrived like this.

    The UIDs of the changed header hold. The Part 10 prefix stays while SOP class and instance do,
    but for an anonymous instance, whose prefix does not name the sender either.
    Raises `PluginError` when what a plugin made is no instance that can be kept.
    """
    changed = replace(
        meta,
        sop_class_uid=str(coercion.dataset.get("SOPClassUID") or ""),
        sop_instance_uid=str(coercion.dataset.get("SOPInstanceUID") or ""),
    )
    prefix = arrived.prefix
    if changed != meta or coercion.anonymous:
        prefix = make_prefix(changed, source_aet="" if coercion.anonymous else origin.calling_aet)
    spool = new_spool(prefix)
    try:
        with arrived.reading() as source:
            for piece in replace_header(
                source,
                meta.transfer_syntax_uid,
                coercion.dataset,
                pixels_only=coercion.anonymous,
            ):
                spool.write(piece)
        return Coerced(spool, changed, inspect(spool.dataset(), changed))
    except InstanceError as error:
        spool.close()
        raise PluginError(f"a plugin's coercion cannot be kept: {error}") from error
    except BaseException:
        spool.close()
        raise
