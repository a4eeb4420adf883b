"""Prepared metadata of what was deleted go too: they name patients.

Deletions are numbered. At each request for metadata, those that came since the last look are worked
off, in one process for all. What is prepared from a list of instances that a deletion has overtaken
is not kept, so nothing is left behind either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from pacs_dicomweb.tables import run, swept
from pacs_framework.tables.columns import insert

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from pacs_framework.archive.archive import Archive
    from pacs_framework.tables import TableStore

__all__ = ["Deletions"]

_AT_ONCE = 1000
_ROW = 1


class Deletions:
    """The deletions of an archive, as far as they concern what is prepared."""

    def __init__(self, archive: Archive, store: TableStore) -> None:
        self._archive = archive
        self._store = store
        self._looked = -1

    def look(self) -> int:
        """Drop what was prepared of what is deleted by now; the number of the last deletion.

        Raises `IndexUnavailable`.
        """
        newest = self._newest()
        if newest != self._looked:
            with self._store.begin() as connection:
                newest = self._work_off(connection)
            self._looked = newest
        return newest

    def came_since(self, connection: Connection, number: int) -> bool:
        """Whether there is a deletion after that of ``number``, as nobody else looks meanwhile."""
        self._hold(connection)
        return self._newest() != number

    def _newest(self) -> int:
        last = self._archive.deleting.history(1)
        return last[0].number if last else 0

    def _hold(self, connection: Connection) -> int:
        """Keep others from looking until the transaction ends; the last number worked off."""
        added = insert(swept, connection).values(id=_ROW, number=0)
        connection.execute(added.on_conflict_do_nothing())
        held = sa.select(swept.c.number).where(swept.c.id == _ROW).with_for_update()
        return int(connection.execute(held).scalar_one())

    def _work_off(self, connection: Connection) -> int:
        last, history = self._hold(connection), self._archive.deleting.history(_AT_ONCE)
        newest = history[0].number if history else 0
        if newest == last:
            return newest
        new = [each for each in history if each.number > last]
        if not new or len(new) == _AT_ONCE or not all(each.target.study for each in new):
            # Of a patient, or of very many; or the index has come back from an older copy.
            connection.execute(sa.delete(run))
        for study in {each.target.study for each in new}:
            connection.execute(sa.delete(run).where(run.c.study_instance_uid == study))
        connection.execute(sa.update(swept).values(number=newest))
        return newest
