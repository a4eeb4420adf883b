"""What every N-CREATE and N-SET asks of the tables."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from pacs_framework.tables import Statement
from pacs_mpps.tables import delivery, instance, scheduled, step, study

__all__ = [
    "ADD",
    "AWAIT",
    "AWAITED",
    "CHANGE",
    "CREATE",
    "FEW",
    "HOLD",
    "HOLD_STUDY",
    "KNOW_STUDY",
    "SCHEDULE",
    "STEPS_OF",
]

_step, _scheduled, _instance, _study = step.c, scheduled.c, instance.c, study.c
_UID: sa.BindParameter[str] = sa.bindparam("uid")
_FOLLOWING = ("status", "patient_id", "station_aet", "modality", "start", "dataset", "changed")

CREATE = Statement(
    sa.insert(step).returning(_step.id),
    columns=[*_FOLLOWING, "sop_instance_uid", "peer_aet", "created"],
)
"""A step; gives its number."""

SCHEDULE = Statement(sa.insert(scheduled), columns=_scheduled.keys())
"""What a step was planned as, once for each item."""

# The clause is the same in both dialects.
KNOW_STUDY = Statement(postgresql.insert(study).on_conflict_do_nothing(), columns=_study.keys())
"""A study, which may be there."""

HOLD = Statement(
    sa.select(_step.id, _step.status, _step.dataset)
    .where(_step.sop_instance_uid == _UID)
    .with_for_update()
)
"""The number, status and attributes of step ``uid``, which nobody else changes until the end."""

CHANGE = Statement(
    sa.update(step).where(_step.id == sa.bindparam("number")), columns=[*_FOLLOWING, "number"]
)
"""What follows from its attributes, in the row ``number``."""

ADD = Statement(sa.insert(delivery), columns=[c.name for c in delivery.c if c.name != "id"])
"""Somebody who is to hear of something."""

AWAIT = Statement(sa.insert(instance), columns=_instance.keys())
"""An instance that a step lists."""

FEW = 8
"""How many instances `AWAITED` asks for at once."""

_UIDS: list[sa.BindParameter[str]] = [sa.bindparam(f"uid{number}") for number in range(FEW)]
AWAITED = Statement(
    sa.select(_instance.sop_instance_uid)
    .where(_instance.sop_instance_uid.in_(_UIDS), ~_instance.stored)
    .distinct()
)
"""Those of the instances ``uid0`` to ``uid7`` that a step waits for; several may be the same."""

HOLD_STUDY = Statement(
    sa.select(_study.completions).where(_study.study_instance_uid == _UID).with_for_update()
)
"""How often study ``uid`` was complete; nobody else looks whether it is until the end."""

STEPS_OF = Statement(
    sa.select(
        _step.id,
        _step.status,
        _scheduled.completion,
        sa.exists().where(_instance.step_fk == _step.id, ~_instance.stored),
    )
    .join(scheduled, _scheduled.step_fk == _step.id)
    .where(_scheduled.study_instance_uid == _UID)
)
"""Of each step of study ``uid``: number, status, completion that counted it, whether it awaits."""
