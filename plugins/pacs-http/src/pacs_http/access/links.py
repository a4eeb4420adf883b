"""Links to one study, for who has no account: kept as what proves them, until they expire."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pacs_http.access.accounts import AccountError
from pacs_http.tables import link

if TYPE_CHECKING:
    from sqlalchemy.engine import Row

    from pacs_framework.tables import TableStore

__all__ = ["SHARED", "Link", "Links", "split_link"]

SHARED = "/shared"
"""Below ``/shared/LINK`` everything is served that is served without, as far as the link goes."""

_LINK = re.compile(r"link_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_BELOW = re.compile(rb"/shared/(link_[0-9a-f]{12}_[A-Za-z0-9_-]{43})(/.*)?", re.DOTALL)
_ONE = sa.select(link).where(link.c.id == sa.bindparam("wanted"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link, without what proves it."""

    id: str
    study: str
    note: str
    created: dt.datetime
    expires: dt.datetime


class Links:
    """The links of an archive, the same for all nodes. Raises `IndexUnavailable`.

    What a link proves is in its row and nowhere else, so it ends when the row goes. A signature
    would add nothing to that, but a key by which links can be made.
    """

    def __init__(self, store: TableStore) -> None:
        self._store = store

    def create(self, study: str, *, expires: dt.datetime, note: str = "") -> str:
        """Make a link, and return it: it cannot be read again."""
        identity, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        row = {
            "id": identity,
            "digest": _digest(secret),
            "study": study,
            "note": note,
            "created": _now(),
            "expires": expires,
        }
        with self._store.begin() as connection:
            connection.execute(sa.delete(link).where(link.c.expires < _now() - _REMEMBERED))
            connection.execute(sa.insert(link).values(row))
        return f"link_{identity}_{secret}"

    def all(self) -> Sequence[Link]:
        """Every link, oldest first; one that has expired, for another thirty days."""
        with self._store.reading() as connection:
            rows = connection.execute(sa.select(link).order_by(link.c.created, link.c.id))
            return [_link(row) for row in rows]

    def proven(self, text: str) -> Link | None:
        """The link that ``text`` is, or None for one that is unknown, revoked or expired."""
        found = _LINK.fullmatch(text)
        if found is None:
            return None
        with self._store.reading() as connection:
            row = connection.execute(_ONE, {"wanted": found[1]}).first()
        if row is None or not hmac.compare_digest(bytes(row.digest), _digest(found[2])):
            return None
        return _link(row) if _now() < row.expires else None

    def revoke(self, identity: str) -> None:
        """Take a link away. Raises `AccountError` where there is none."""
        with self._store.begin() as connection:
            done = connection.execute(sa.delete(link).where(link.c.id == identity))
        if not done.rowcount:
            raise AccountError(f"there is no link {identity!r}; see `pacs link list`")


def split_link(raw_path: bytes) -> tuple[str, bytes]:
    """The link that an address begins with, if it does, and the address below it."""
    found = _BELOW.fullmatch(raw_path)
    if found is None:
        return "", raw_path
    return found[1].decode("ascii"), found[2] or raw_path


_REMEMBERED = dt.timedelta(days=30)


def _link(row: Row[tuple[object, ...]]) -> Link:
    return Link(id=row.id, study=row.study, note=row.note, created=row.created, expires=row.expires)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
