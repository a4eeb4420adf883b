"""The audit trail of a vault: who learned what, when, and why. Lines are added and never changed.

Each line is sealed together with all before it, so one that was changed, moved or taken out is
seen. Whoever can put back an older copy of the whole database undoes its last lines with it: keep
the `Head` that `pacs anonymize vault check` prints elsewhere, and compare.
"""

from __future__ import annotations

import datetime as dt
import getpass
import json
import socket
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pacs_anonymize.vault.errors import VaultDamaged
from pacs_anonymize.vault.keys import VaultKeys
from pacs_anonymize.vault.tables import TRAIL, VAULT

__all__ = ["Act", "Head", "Line", "append", "read_lines", "seal_anew", "this_user"]

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What somebody did with a vault. ``subject`` is a pseudonym, or how many there were."""

    who: str
    action: str
    subject: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An act as it stands in the trail; ``when`` is in UTC (ISO 8601)."""

    line: int
    when: str
    act: Act


@dataclass(frozen=True, slots=True)
class Head:
    """The last line of a trail and its seal."""

    line: int
    link: bytes

    def __str__(self) -> str:
        return f"{self.line}:{self.link.hex()[:32]}"


def this_user() -> str:
    """Who runs this process, and where."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        user = "?"
    return f"{user}@{socket.gethostname()}"


def append(connection: Connection, keys: VaultKeys, row: sa.Row[Any], acts: Sequence[Act]) -> None:
    """Add lines in a transaction that holds the ``row`` of the vault."""
    head = Head(row.last_line, row.last_link)
    when = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    rows = []
    for act in acts:
        head, sealed = _sealed(keys, head, Line(line=head.line + 1, when=when, act=act))
        rows.append({"line": head.line, "sealed": sealed, "link": head.link})
    if rows:
        connection.execute(sa.insert(TRAIL), rows)
        _end_with(connection, head)


def seal_anew(connection: Connection, old: VaultKeys, new: VaultKeys, row: sa.Row[Any]) -> None:
    """Seal every line with ``new`` keys, in a transaction that holds the ``row`` of the vault.

    Raises `VaultDamaged` where the chain is broken.
    """
    head = Head(0, b"")
    change = sa.update(TRAIL).where(TRAIL.c.line == sa.bindparam("number"))
    lines = read_lines(connection, old, row)
    while some := list(islice(lines, _AT_ONCE)):
        rows = []
        for line in some:
            head, sealed = _sealed(new, head, line)
            rows.append({"number": head.line, "sealed": sealed, "link": head.link})
        connection.execute(change, rows)
    _end_with(connection, head)


def _sealed(keys: VaultKeys, before: Head, line: Line) -> tuple[Head, bytes]:
    """A line encrypted, and the head that it makes."""
    text = json.dumps({"when": line.when, **asdict(line.act)})
    sealed = keys.seal(text, _place(line.line))
    return Head(line.line, keys.link(before.link, line.line, sealed)), sealed


def _end_with(connection: Connection, head: Head) -> None:
    connection.execute(sa.update(VAULT).values(last_line=head.line, last_link=head.link))


def read_lines(connection: Connection, keys: VaultKeys, row: sa.Row[Any]) -> Iterator[Line]:
    """Every line, from the first on. Raises `VaultDamaged` where the chain is broken."""
    head = Head(0, b"")
    for found in _rows(connection):
        number = head.line + 1
        link = keys.link(head.link, number, found.sealed)
        if found.line != number or found.link != link:
            raise _broken(number)
        head = Head(number, link)
        said = json.loads(keys.unseal(found.sealed, _place(number)))
        yield Line(line=number, when=said.pop("when"), act=Act(**said))
    if (head.line, head.link) != (row.last_line, row.last_link):
        raise _broken(head.line + 1)


def _rows(connection: Connection) -> Iterator[sa.Row[Any]]:
    """In order, some at a time: whoever takes them may change those that it has taken."""
    last = 0
    while True:
        query = sa.select(TRAIL).where(TRAIL.c.line > last).order_by(TRAIL.c.line).limit(_AT_ONCE)
        page = connection.execute(query).all()
        yield from page
        if len(page) < _AT_ONCE:
            return
        last = page[-1].line


def _place(number: int) -> bytes:
    return b"trail" + number.to_bytes(8)


def _broken(number: int) -> VaultDamaged:
    return VaultDamaged(
        f"the audit trail is broken at line {number}: somebody without the key changed it or took "
        f"lines out; compare it with a backup"
    )
