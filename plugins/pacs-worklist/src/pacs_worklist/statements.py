"""What every performed procedure step asks of the tables."""

from __future__ import annotations

import sqlalchemy as sa

from pacs_framework.tables import Statement
from pacs_worklist.items import State
from pacs_worklist.tables import item

__all__ = ["COMPLETE", "PLANNED", "START"]

_PLACES = ("study_instance_uid", "accession_number")


def _of(place: str) -> tuple[sa.ColumnElement[bool], ...]:
    wanted: sa.BindParameter[str] = sa.bindparam("wanted")
    step: sa.BindParameter[str] = sa.bindparam("step")
    return item.c[place] == wanted, item.c.scheduled_procedure_step_id == step


def _take_on(place: str, *states: State) -> Statement:
    before: list[sa.ColumnElement[str]] = [
        sa.literal_column(f"'{state.value}'") for state in states
    ]
    changed = sa.update(item).where(*_of(place), item.c.state.in_(before)).returning(item.c.id)
    return Statement(changed, columns=["state", "changed", "wanted", "step"])


START = {place: _take_on(place, State.SCHEDULED) for place in _PLACES}
"""By what a step is found: ``wanted`` and ``step`` name those that begin."""

COMPLETE = {place: _take_on(place, State.SCHEDULED, State.STARTED) for place in _PLACES}
"""Those that end."""

PLANNED = {
    place: Statement(sa.select(item.c.id, item.c.state).where(*_of(place))) for place in _PLACES
}
"""Number and state of those that there are."""
