"""Instances that leave without whose they are, by an anonymizer that the destination names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_framework.anonymizers.applying import anonymous_answer
from pacs_framework.archive.incoming import Coercion
from pacs_framework.archive.viewing import StoredHeader, coerced

if TYPE_CHECKING:
    from pacs_framework.anonymizers.anonymizer import Anonymizer
    from pacs_framework.archive.retrieve import InstanceOpener, OpenInstance, StoredInstance
    from pacs_framework.codecs.transcoding import Transcoding

__all__ = ["AnonymousOpener"]


class AnonymousOpener:
    """Opens what ``opener`` gives, as ``anonymizer`` makes it (see `InstanceOpener`)."""

    def __init__(
        self, opener: InstanceOpener, anonymizer: Anonymizer, transcoding: Transcoding
    ) -> None:
        self._opener = opener
        self._anonymizer = anonymizer
        self._transcoding = transcoding

    def open(self, stored: StoredInstance, /) -> OpenInstance:
        """The de-identified instance. Raises `NotAnonymized`, and as ``opener`` does."""
        opened = self._opener.open(stored)
        try:
            return self._anonymous(opened)
        except BaseException:
            opened.data.close()
            raise

    def changes(self, _stored: StoredInstance, /) -> bool:
        """Always."""
        return True

    def _anonymous(self, opened: OpenInstance) -> OpenInstance:
        header = StoredHeader(opened)
        answer = anonymous_answer(self._anonymizer, header.dataset())
        coercion = Coercion(
            dataset=answer.dataset,
            reason="de-identified for its destination",
            anonymous=True,
            pixels=answer.pixels,
        )
        return coerced(opened, header, coercion, self._transcoding)
