"""The walk over one data set: each element to its step of the plan, private ones by their block."""

from __future__ import annotations

from pacs_anonymize.engine.private import treat_private
from pacs_anonymize.engine.work import Level

__all__ = ["walk"]

_ODD_GROUP = 1 << 16
_UNKNOWN_VR = "UN"


def walk(level: Level) -> None:
    """Treat every element; in sequences that stay, every item.

    Values are not decoded for it: the elements that stay are written as they came.
    """
    plan, private = level.plan, []
    for tag, element in tuple(level.dataset.items()):
        if tag & _ODD_GROUP:
            private.append((tag, element))
            continue
        step = plan[int(tag)]
        vr = element.VR
        if vr is not None and vr not in step.vrs and vr != _UNKNOWN_VR:
            step = plan.against(step, str(vr))
        step.treat(level, tag, element, step)
    if private:
        treat_private(level, private)
