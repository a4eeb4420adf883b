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
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog

from pacs_dicomweb.tables import run
from pacs_framework.errors import IndexUnavailable
from pacs_framework.tables import Statement

try:  # a run in a ninth of the time that zlib takes, and read again in half of it
    from isal.isal_zlib import compress, decompress
except ImportError:  # a processor for which there is no wheel
    from zlib import compress, decompress

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from pacs_dicomweb.wado.forgetting import Deletions
    from pacs_framework.archive.retrieve import StoredInstance
    from pacs_framework.tables import TableStore

    Make = Callable[[Sequence[StoredInstance]], Sequence[bytes]]

__all__ = ["HELD", "RUN", "Preparation", "PreparedMetadata"]

RUN = 256
"""Instances in a run."""

_DIGEST = 16
_LARGEST = 32 << 20  # bytes of JSON; larger runs (enhanced multi-frames) are made anew each time
_MOST_HELD = 1 << 20  # bytes that wait for the end of an answer; more is written at once
_FAST = 1  # level of compression
_NEVER = -1  # no number of a deletion: nothing is kept
_BETWEEN = b"\n"  # never inside of JSON without spaces

_KEPT = Statement(
    sa.select(run.c.objects, run.c.body).where(
        run.c.first == sa.bindparam("first"), run.c.form == sa.bindparam("form")
    )
)
_FORGET = Statement(sa.delete(run).where(run.c.first == sa.bindparam("first")))
_KEEP = Statement(sa.insert(run), columns=run.c.keys())
HELD = sa.select(sa.func.sum(run.c.size))
"""The bytes that are kept; by the index of `run.c.made` alone, since bodies are long."""

_HELD = Statement(HELD)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """A run as it is kept."""

    objects: bytes
    body: bytes

    def texts(self) -> list[bytes]:
        """The JSON of each instance."""
        return decompress(self.body).split(_BETWEEN)

    def by_object(self) -> dict[bytes, bytes]:
        """The JSON of each by the digest of its object."""
        starts = range(0, len(self.objects), _DIGEST)
        digests = [self.objects[start : start + _DIGEST] for start in starts]
        return dict(zip(digests, self.texts(), strict=True))


@dataclass(frozen=True, slots=True)
class Made:
    """A run that was made anew: its JSON, packed; ``key`` has the digests of its objects."""

    key: bytes
    body: bytes
    study: str

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.key) + len(self.body)


class PreparedMetadata:
    """The runs that are kept.

    ``form`` names what else decides on the JSON; ``room`` bounds what is kept, in bytes.
    """

    def __init__(self, store: TableStore, deletions: Deletions, *, form: str, room: int) -> None:
        self._store = store
        self._deletions = deletions
        self._form = form
        self._room = room

    def begin(self) -> Preparation:
        """For one request; to be called before the instances are looked up.

        A look at what was deleted that fails keeps nothing from being answered.
        """
        try:
            moment = self._deletions.look()
        except IndexUnavailable as error:
            _log.warning("prepared metadata of what was deleted may be left", error=str(error))
            moment = _NEVER
        return Preparation(self, moment)

    def read(self, first: bytes) -> Kept | None:
        """The run that begins with an object; None where there is none, or no table to be read."""
        with suppress(IndexUnavailable):
            for objects, body in self._store.rows(_KEPT, {"first": first, "form": self._form}):
                return Kept(bytes(objects), bytes(body))
        return None

    def write(self, made: Sequence[Made], moment: int) -> None:
        """Keep runs that were made from what was looked up at ``moment``, or one in their place.

        A table that cannot be written costs time, and fails nothing.
        """
        rows = [self._row(each) for each in made]
        try:
            with self._store.begin() as connection:
                if self._deletions.came_since(connection, moment):
                    return
                # Nobody else is here since it was asked what came (see `Deletions.came_since`).
                _FORGET.run_many(connection, rows)
                _KEEP.run_many(connection, rows)
                self._make_room(connection)
        except IndexUnavailable as error:
            _log.warning("prepared metadata cannot be kept", error=str(error))

    def _row(self, made: Made) -> dict[str, object]:
        return {
            "first": made.key[:_DIGEST],
            "objects": made.key,
            "study_instance_uid": made.study,
            "form": self._form,
            "body": made.body,
            "size": made.size,
            "made": datetime.now(UTC),
        }

    def _make_room(self, connection: Connection) -> None:
        """What was made first goes first, until the rest fits."""
        ((held,),) = _HELD.run(connection, {})
        held = held or 0
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


class Preparation:
    """The JSON of runs of instances for one request: kept, or made and to be kept.

    What was made is written when the answer has gone out (`finish`), so nobody has to wait for it;
    before, where it is much.
    """

    def __init__(self, prepared: PreparedMetadata, moment: int) -> None:
        self._prepared = prepared
        self._moment = moment
        self._made: list[Made] = []
        self._held = 0

    def texts(
        self,
        instances: Sequence[StoredInstance],
        make: Make,
        *,
        study: str,
    ) -> Sequence[bytes]:
        """The JSON of each of ``instances``, which are one run of ``study``; ``make`` gives what is
        not kept.
        """
        objects = [_digest(each) for each in instances]
        key = b"".join(objects)
        kept = self._prepared.read(objects[0])
        if kept is not None and kept.objects == key:
            return kept.texts()
        known = kept.by_object() if kept is not None else {}
        texts = _completed(known, objects, instances, make) if known else make(instances)
        if all(texts) and sum(map(len, texts)) <= _LARGEST:
            self._keep(Made(key, compress(_BETWEEN.join(texts), _FAST), study))
        return texts

    def _keep(self, made: Made) -> None:
        self._made.append(made)
        self._held += made.size
        if self._held > _MOST_HELD:
            self.finish()

    def finish(self) -> None:
        """Write what was made."""
        made, self._made, self._held = self._made, [], 0
        if made:
            self._prepared.write(made, self._moment)


_AT_ONCE = 100


def _completed(
    known: Mapping[bytes, bytes],
    objects: Sequence[bytes],
    instances: Sequence[StoredInstance],
    make: Make,
) -> Sequence[bytes]:
    """The JSON of each: of those objects that are not ``known``, made."""
    missing = [each for each, name in zip(instances, objects, strict=True) if name not in known]
    made = iter(make(missing))
    return [known[name] if name in known else next(made) for name in objects]


def _digest(stored: StoredInstance) -> bytes:
    """The name of an object; its data set's place in it is part of what it is."""
    return hashlib.blake2b(stored.storage_key.encode(), digest_size=_DIGEST).digest()
