"""Studies that modalities have ended, by what is told of their performed procedure steps.

What is told are objects of the plugin that keeps the steps (see the hooks `on_procedure_step` and
`on_study_complete`); they are taken as they come, by their attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.tables import insert
from pacs_routing.completeness import CompleteBy
from pacs_routing.tables import step
from pacs_routing.terms import NAME
from pacs_routing.timers import hasten

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.tables import TableStore
    from pacs_routing.settings import RoutingSettings, Rule

__all__ = ["is_performed", "step_changed", "study_completed", "waiting_rules"]


class _State(StrEnum):
    """What is known of a step, in the order in which it may change."""

    OPEN = "open"
    ENDED = "ended"  # it did not complete the study: it was discontinued
    COUNTED = "counted"  # all that it lists is stored


def waiting_rules(settings: RoutingSettings) -> Iterator[Rule]:
    """The rules that wait for steps."""
    return (rule for rule in settings.rule if CompleteBy.MPPS in rule.complete_by)


def is_performed(archive: Archive, study_instance_uid: str) -> bool:
    """Whether a study was complete, and no step of it has begun since."""
    selected = sa.select(step.c.state).where(step.c.study_instance_uid == study_instance_uid)
    with archive.tables(NAME).reading() as connection:
        states = set(connection.scalars(selected.distinct()))
    return _State.COUNTED in states and _State.OPEN not in states


def study_completed(study: Any, archive: Archive, settings: RoutingSettings) -> None:
    """A study is complete: what waits of it goes out, and what still comes goes at once."""
    uid = str(study.study_instance_uid)
    steps = [str(each.sop_instance_uid) for each in study.steps]
    _note(archive.tables(NAME), uid, steps, _State.COUNTED)
    _hasten_all(archive, settings, uid)


def step_changed(changed: Any, archive: Archive, settings: RoutingSettings) -> None:
    """A step that begins makes its studies wait again; one that is discontinued waits no more.

    One that is COMPLETED still does until its study is: then all that it lists is stored.
    """
    begins = str(changed.status) == "IN PROGRESS"
    if not begins and str(changed.status) != "DISCONTINUED":
        return
    studies = {str(each.study_instance_uid) for each in changed.scheduled}
    for uid in sorted(studies):
        state = _State.OPEN if begins else _State.ENDED
        _note(archive.tables(NAME), uid, [str(changed.sop_instance_uid)], state)
        if not begins:
            _hasten_all(archive, settings, uid)


def _hasten_all(archive: Archive, settings: RoutingSettings, uid: str) -> None:
    if is_performed(archive, uid):
        for rule in waiting_rules(settings):
            hasten(archive, rule, study=uid)


def _note(store: TableStore, uid: str, steps: Iterable[str], state: _State) -> None:
    """Note a state of steps. News may come twice, and that a step began after that it ended."""
    rows = [{"study_instance_uid": uid, "step_uid": each, "state": state} for each in sorted(steps)]
    if not rows:
        return
    keys = ["study_instance_uid", "step_uid"]
    with store.begin() as connection:
        statement = insert(step, connection)
        if state is _State.OPEN:
            noted = statement.on_conflict_do_nothing(index_elements=keys)
        else:
            noted = statement.on_conflict_do_update(index_elements=keys, set_={"state": state})
        connection.execute(noted, rows)
