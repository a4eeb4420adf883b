"""Users and tokens in the archive's tables; all nodes and workers see the same ones."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pacs_framework.errors import PacsError
from pacs_framework.tables import Statement, insert
from pacs_http.access.scope import Limit
from pacs_http.tables import guard, token, user

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row

    from pacs_framework.tables import TableStore

__all__ = ["AccountError", "Accounts", "Token", "User", "is_name"]

_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_TOKEN = re.compile(r"pacs_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")

# Put together once: they run with every request.
_EVER = Statement(
    sa.select(sa.literal(1)).where(
        sa.or_(*(sa.exists(sa.select(table)) for table in (guard, user, token)))
    )
)
_USER = sa.select(user).where(user.c.name == sa.bindparam("wanted"))
_A_TOKEN = sa.select(token).where(token.c.id == sa.bindparam("wanted"))


def is_name(text: str) -> bool:
    """Whether a user or a token may be called so."""
    return _NAME.fullmatch(text) is not None


class AccountError(PacsError):
    """A user or a token that cannot be made, or is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user; ``password`` is what argon2 made of it."""

    name: str
    password: str
    roles: tuple[str, ...]
    changed: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token, without what proves it. ``expires`` is None where it never does."""

    id: str
    name: str
    roles: tuple[str, ...]
    limits: tuple[Limit, ...]
    created: dt.datetime
    expires: dt.datetime | None

    def is_valid(self, now: dt.datetime) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires


class Accounts:
    """The users and tokens of an archive. Raises `IndexUnavailable` where the database is away."""

    def __init__(self, store: TableStore) -> None:
        self._store = store

    def ever(self) -> bool:
        """Whether there is any user or token, or ever was one: then everybody has to log in."""
        return bool(self._store.rows(_EVER, {}))

    def reopen(self) -> None:
        """Forget that there ever was a user or a token. Raises `AccountError` while there is."""
        with self._store.begin() as connection:
            for table, word in ((user, "users"), (token, "tokens")):
                if connection.execute(sa.select(table.c.name).limit(1)).first() is not None:
                    raise AccountError(
                        f"there are {word}, see `pacs {word[:-1]} list`; take them away first"
                    )
            connection.execute(sa.delete(guard))

    # --- users ----------------------------------------------------------------------------------

    def users(self) -> Sequence[User]:
        """All users by name."""
        with self._store.reading() as connection:
            return [_user(row) for row in connection.execute(sa.select(user).order_by(user.c.name))]

    def user(self, name: str) -> User | None:
        """The user of a name, or None."""
        with self._store.reading() as connection:
            row = connection.execute(_USER, {"wanted": name}).first()
        return None if row is None else _user(row)

    def add_user(self, name: str, password: str, roles: Collection[str]) -> None:
        """Make a user. Raises `AccountError` for a name that is taken or cannot be one."""
        if not is_name(name):
            raise AccountError(f"user {name!r}: a name has 1 to 64 letters, digits and . _ @ -")
        row = {"name": name, "password": password, "roles": " ".join(roles), "changed": _now()}
        with self._store.begin() as connection:
            statement = insert(user, connection).values(row).on_conflict_do_nothing()
            if not connection.execute(statement).rowcount:
                raise AccountError(f"user {name!r} is there already; see `pacs user passwd`")
            _stand_guard(connection)

    def change_user(
        self, name: str, *, password: str | None = None, roles: Collection[str] | None = None
    ) -> None:
        """Give a user another password or other roles. Raises `AccountError` for nobody."""
        values: dict[str, object] = {"changed": _now()}
        if password is not None:
            values["password"] = password
        if roles is not None:
            values["roles"] = " ".join(roles)
        with self._store.begin() as connection:
            done = connection.execute(sa.update(user).where(user.c.name == name).values(values))
            _one(done.rowcount, f"there is no user {name!r}; see `pacs user list`")

    def remove_user(self, name: str) -> None:
        """Take a user away. Raises `AccountError` for nobody."""
        with self._store.begin() as connection:
            done = connection.execute(sa.delete(user).where(user.c.name == name))
            _one(done.rowcount, f"there is no user {name!r}; see `pacs user list`")

    # --- tokens ---------------------------------------------------------------------------------

    def tokens(self) -> Sequence[Token]:
        """All tokens, oldest first."""
        with self._store.reading() as connection:
            rows = connection.execute(sa.select(token).order_by(token.c.created, token.c.id))
            return [_token(row) for row in rows]

    def create_token(
        self,
        name: str,
        roles: Collection[str],
        *,
        expires: dt.datetime | None = None,
        limits: Collection[Limit] = (),
    ) -> str:
        """Make a token, and return it: it cannot be read again."""
        if not is_name(name):
            raise AccountError(f"token {name!r}: a name has 1 to 64 letters, digits and . _ @ -")
        identity, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        row = {
            "id": identity,
            "digest": _digest(secret),
            "name": name,
            "roles": " ".join(roles),
            "limits": json.dumps([_rules(limit) for limit in limits]),
            "created": _now(),
            "expires": expires,
        }
        with self._store.begin() as connection:
            connection.execute(sa.insert(token).values(row))
            _stand_guard(connection)
        return f"pacs_{identity}_{secret}"

    def proven_token(self, text: str) -> Token | None:
        """The token that ``text`` is, or None for one that is unknown, revoked or expired."""
        found = _TOKEN.fullmatch(text)
        if found is None:
            return None
        with self._store.reading() as connection:
            row = connection.execute(_A_TOKEN, {"wanted": found[1]}).first()
        if row is None or not hmac.compare_digest(bytes(row.digest), _digest(found[2])):
            return None
        proven = _token(row)
        return proven if proven.is_valid(_now()) else None

    def revoke_token(self, identity: str) -> None:
        """Take a token away. Raises `AccountError` where there is none."""
        with self._store.begin() as connection:
            done = connection.execute(sa.delete(token).where(token.c.id == identity))
            _one(done.rowcount, f"there is no token {identity!r}; see `pacs token list`")


def _user(row: Row[tuple[object, ...]]) -> User:
    return User(
        name=row.name, password=row.password, roles=tuple(row.roles.split()), changed=row.changed
    )


def _token(row: Row[tuple[object, ...]]) -> Token:
    limits = (
        Limit(**{key: tuple(values) for key, values in each.items()})
        for each in json.loads(row.limits)
    )
    return Token(
        id=row.id,
        name=row.name,
        roles=tuple(row.roles.split()),
        limits=tuple(limits),
        created=row.created,
        expires=row.expires,
    )


def _stand_guard(connection: Connection) -> None:
    """From now on nobody gets in without login."""
    row = {"id": 1, "since": _now()}
    connection.execute(insert(guard, connection).values(row).on_conflict_do_nothing())


def _rules(limit: Limit) -> dict[str, object]:
    """The rules of a limit that has them. A version that does not know one refuses the token."""
    return {name: values for name, values in asdict(limit).items() if values}


def _one(rows: int, otherwise: str) -> None:
    if not rows:
        raise AccountError(otherwise)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
