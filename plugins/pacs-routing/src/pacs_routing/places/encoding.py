"""Instances in the transfer syntax that a destination is to get.

A wish keeps nothing back: where it cannot be granted, the instance goes as it would without.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from pacs_framework.codecs.syntaxes import is_lossless
from pacs_framework.codecs.transcoding import NoPixelData
from pacs_framework.dicom.file_meta import InstanceKind
from pacs_framework.errors import StorageError, UnreadableInstance

if TYPE_CHECKING:
    from pacs_framework.archive.retrieve import OpenInstance
    from pacs_framework.codecs.asked_for import AskedFor
    from pacs_framework.codecs.transcoding import Transcoding
    from pacs_framework.storage import ByteSource
    from pacs_routing.parcels import Parcel

__all__ = ["Encoded", "Encoding"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A data set as it goes out; with loss it is another instance than the one that is stored."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data: ByteSource | Iterator[bytes]


class Encoding:
    """What is ``asked`` for. Raises ValueError where no installed codec can do it."""

    def __init__(self, asked: AskedFor | None, transcoding: Transcoding) -> None:
        self._asked = asked
        self._transcoding = transcoding
        if asked is None:
            return
        if asked.loss is None:
            transcoding.check_target(asked.to)
        else:
            transcoding.check_lossy_target(asked.to, asked.loss)

    def wanted(self, kind: InstanceKind) -> InstanceKind | None:
        """What an instance of this kind is to become; None where it is to stay."""
        asked, stored = self._asked, kind.transfer_syntax_uid
        if asked is None or asked.to == stored:
            return None
        if asked.loss is not None and not is_lossless(stored):
            return None  # what has lost something is never made to lose more
        return InstanceKind(sop_class_uid=kind.sop_class_uid, transfer_syntax_uid=asked.to)

    def made(self, parcel: Parcel) -> Encoded | None:
        """The instance as it is wanted; None where it cannot be made so, and then ``parcel`` is
        open anew. It is all made before the first piece, and read from ``parcel`` to its end.
        """
        wanted = self.wanted(parcel.opened.instance.kind)
        if wanted is None:
            return None
        try:
            return self._made(parcel.opened, wanted)
        except NoPixelData:
            parcel.again()
        except (UnreadableInstance, StorageError) as error:
            _log.warning(
                "an instance is sent as it is: it could not be encoded",
                to=wanted.transfer_syntax_uid,
                sop_instance_uid=parcel.opened.instance.sop_instance_uid,
                reason=str(error),
            )
            parcel.again()
        return None

    def _made(self, opened: OpenInstance, wanted: InstanceKind) -> Encoded:
        assert self._asked is not None, "wanted() says"
        instance, to, loss = opened.instance, wanted.transfer_syntax_uid, self._asked.loss
        stored = instance.transfer_syntax_uid
        if loss is None:
            pieces = self._transcoding.convert(opened.data, stored, to)
            return Encoded(wanted.sop_class_uid, instance.sop_instance_uid, to, pieces)
        derived = self._transcoding.derive(opened.data, stored, to, loss)
        return Encoded(wanted.sop_class_uid, derived.sop_instance_uid, to, derived.pieces)
