"""Metadata of series in a compact stored form: a viewer that opens a thousand instances opens none.

Kept in runs of a few hundred instances of one series. A run is known by the storage keys of its
objects, in the order of the index. An object never changes under its key, and the index is asked at
each request which objects a series has now, so what is kept needs no invalidation: after an
instance was replaced, added or deleted the old run fits no longer, and what of it still holds is
taken over; what was deleted goes at the next request (see `Deletions`).
What a plugin or a correction changes for a recipient never gets here (see `Objects.as_stored`).
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog

from pacs_dicomweb.tables import run
from pacs_framework.errors import IndexUnavailable
from pacs_framework.tables.columns import insert

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from pacs_dicomweb.wado.forgetting import Deletions
    from pacs_framework.archive.retrieve import StoredInstance
    from pacs_framework.tables import TableStore

__all__ = ["RUN", "PreparedMetadata"]

RUN = 256
"""Instances in a run."""

_DIGEST = 16
_LARGEST = 32 << 20  # bytes of JSON; larger runs (enhanced multi-frames) are made anew each time
_NEVER = -1  # no number of a deletion: nothing is kept
_BETWEEN = b"\n"  # never inside of JSON without spaces

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    objects: bytes
    body: bytes

    def texts(self) -> list[bytes]:
        return zlib.decompress(self.body).split(_BETWEEN)

    def by_object(self) -> dict[bytes, bytes]:
        starts = range(0, len(self.objects), _DIGEST)
        digests = [self.objects[start : start + _DIGEST] for start in starts]
        return dict(zip(digests, self.texts(), strict=True))


class PreparedMetadata:
    """Gives the JSON of runs of instances, kept or made by ``make``.

    ``form`` names what else decides on the JSON; ``room`` bounds what is kept, in bytes.
    """

    def __init__(self, store: TableStore, deletions: Deletions, *, form: str, room: int) -> None:
        self._store = store
        self._deletions = deletions
        self._form = form
        self._room = room

    def moment(self) -> int:
        """What to give to `texts`; to be asked for before the instances are looked up.

        A look at what was deleted that fails keeps nothing from being answered.
        """
        try:
            return self._deletions.look()
        except IndexUnavailable as error:
            _log.warning("prepared metadata of what was deleted may be left", error=str(error))
            return _NEVER

    def texts(
        self,
        instances: Sequence[StoredInstance],
        make: Callable[[Sequence[StoredInstance]], Sequence[bytes]],
        *,
        study: str,
        moment: int,
    ) -> Sequence[bytes]:
        """The JSON of each of ``instances``, which are one run of ``study``; ``make`` gives what is
        not kept.

        A table that cannot be read or written costs time, and fails nothing.
        """
        objects = [_digest(each) for each in instances]
        key = b"".join(objects)
        kept = self._read(objects[0])
        if kept is not None and kept.objects == key:
            return kept.texts()
        known = kept.by_object() if kept is not None else {}
        missing = [each for each, name in zip(instances, objects, strict=True) if name not in known]
        made = dict(zip((_digest(each) for each in missing), make(missing), strict=True))
        texts = [known[name] if name in known else made[name] for name in objects]
        if sum(map(len, texts)) <= _LARGEST and all(texts):
            self._write(key, texts, study, moment)
        return texts

    def _read(self, first: bytes) -> _Kept | None:
        wanted = sa.select(run.c.objects, run.c.body).where(
            run.c.first == first, run.c.form == self._form
        )
        with suppress(IndexUnavailable), self._store.reading() as connection:
            row = connection.execute(wanted).first()
            return None if row is None else _Kept(bytes(row.objects), bytes(row.body))
        return None

    def _write(self, key: bytes, texts: Sequence[bytes], study: str, moment: int) -> None:
        body = zlib.compress(_BETWEEN.join(texts), 1)
        values = {
            "objects": key,
            "study_instance_uid": study,
            "form": self._form,
            "body": body,
            "size": len(body) + len(key),
            "made": datetime.now(UTC),
        }
        try:
            with self._store.begin() as connection:
                if self._deletions.came_since(connection, moment):
                    return
                statement = insert(run, connection).values(first=key[:_DIGEST], **values)
                connection.execute(
                    statement.on_conflict_do_update(index_elements=["first"], set_=values)
                )
                self._make_room(connection)
        except IndexUnavailable as error:
            _log.warning("prepared metadata cannot be kept", error=str(error))

    def _make_room(self, connection: Connection) -> None:
        """What was made first goes first, until the rest fits."""
        held = connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(run.c.size), 0))) or 0
        oldest = sa.select(run.c.first, run.c.size).order_by(run.c.made).limit(_AT_ONCE)
        while held > self._room:
            rows = connection.execute(oldest).all()
            gone = []
            for row in rows:
                if held <= self._room:
                    break
                gone.append(row.first)
                held -= row.size
            connection.execute(sa.delete(run).where(run.c.first.in_(gone)))
            if not gone:
                return


_AT_ONCE = 100


def _digest(stored: StoredInstance) -> bytes:
    """The name of an object; its data set's place in it is part of what it is."""
    return hashlib.blake2b(stored.storage_key.encode(), digest_size=_DIGEST).digest()
