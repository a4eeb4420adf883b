"""What the conformance statement says of queries and retrievals that this archive begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_fetch.priors.scheduled import WORKLIST
from pacs_framework.conformance.records import (
    Contribution,
    Initiation,
    PublishedSettings,
    StatusMeaning,
)
from pacs_framework.dicom.status import Status
from pacs_framework.moving.old_archive import MODELS, SYNTAXES

if TYPE_CHECKING:
    from pacs_fetch.settings import FetchSettings

__all__ = ["contributions"]


def contributions(settings: FetchSettings) -> list[Contribution]:
    """The associations that are opened to sources, and to worklists of others."""
    if not settings.source:
        return []
    found: list[Contribution] = [_fetching()]
    if settings.priors.sources and settings.priors.worklist_peers:
        found.append(_worklist())
    return [*found, PublishedSettings(names=("source", "priors", "pull"))]


def _fetching() -> Initiation:
    return Initiation(
        activity="fetching from other archives",
        when=(
            "priors of scheduled patients are looked for, or a source is compared with this "
            "archive: at times of day that are configured, when an order arrives for these days, "
            "or by `pacs fetch`; to a source with `hours` no association is opened out of these, "
            "but by `pacs fetch`"
        ),
        sop_classes=MODELS,
        transfer_syntaxes=SYNTAXES,
        proposal=(
            "one presentation context for the model in each association: FIND at the levels "
            "STUDY, SERIES and IMAGE; then MOVE of a study to our own AE title; or GET, with this "
            "archive as SCP (role selection) of the storage SOP classes that the peer named, or "
            "of the common ones where it named none"
        ),
        statuses=(
            StatusMeaning(
                status=Status.SUCCESS,
                when="the instances of the study are compared with those that came",
            ),
            StatusMeaning(
                status=Status.SUBOPERATIONS_WITH_FAILURES,
                when="of a retrieval: the same, and what is missing is asked for again later",
            ),
            StatusMeaning(
                status=Status.OUT_OF_RESOURCES,
                when=(
                    "as every failure: of a query, a range of dates is asked for in halves, and "
                    "the whole again later; of a retrieval, the study is tried again, as often as "
                    "is configured"
                ),
            ),
        ),
    )


def _worklist() -> Initiation:
    return Initiation(
        activity="asking worklists for patients who come",
        when="priors are looked for, and peers are named in `worklist_peers`",
        sop_classes=(WORKLIST,),
        transfer_syntaxes=SYNTAXES,
        proposal="one presentation context; the key that is matched is the start date of the step",
        statuses=(
            StatusMeaning(status=Status.SUCCESS, when="all answers are taken"),
            StatusMeaning(
                status=Status.OUT_OF_RESOURCES,
                when="as every failure: none is taken, and all are asked for again later",
            ),
        ),
    )
