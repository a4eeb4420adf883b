"""What the conformance statement says of programs that run for stored instances."""

from __future__ import annotations

from pacs_exec.settings import ExecSettings
from pacs_framework.conformance.records import Contribution, Remark, Topic

__all__ = ["contributions"]


def contributions(settings: ExecSettings) -> list[Contribution]:
    """That a program runs; not which, for its arguments are nobody else's business."""
    if not settings.on_stored:
        text = "No program runs for stored instances ([plugin.exec] on_stored is empty)."
    else:
        text = (
            "A program of the site runs for each stored instance, after SUCCESS was answered and "
            "at least once ([plugin.exec] on_stored). It has no part in the answer to the sender; "
            "what it sends or changes is not part of this statement."
        )
    return [Remark(topic=Topic.WORKFLOW, text=text)]
