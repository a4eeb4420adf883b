"""The associations that the kernel itself opens: those of ``pacs import from``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pacs_framework.conformance.names import Family
from pacs_framework.conformance.records import Initiation, StatusMeaning
from pacs_framework.conformance.statement import AcceptedContext
from pacs_framework.dicom.status import Status
from pacs_framework.moving.old_archive import MODELS, SYNTAXES

__all__ = ["kernel_initiations"]


def kernel_initiations(contexts: Iterable[AcceptedContext]) -> Iterator[Initiation]:
    """Nothing where no service stores: there is no door that studies could come in by."""
    if any(each.family is Family.STORAGE and each.as_scp for each in contexts):
        yield _import_from()


def _import_from() -> Initiation:
    return Initiation(
        activity="pacs import from",
        when="a person or a script runs the command for a peer that is configured",
        sop_classes=MODELS,
        transfer_syntaxes=SYNTAXES,
        proposal=(
            "one presentation context for the model in each association: FIND at the levels STUDY, "
            "SERIES and IMAGE, then MOVE to our own AE title; or GET (--get) at the level STUDY, "
            "with this archive as SCP (role selection) of the storage SOP classes that the peer "
            "named, or of the common ones where it named none, in the transfer syntaxes that the "
            "Storage service takes, each compressed one in a context of its own as far as 128 go"
        ),
        statuses=(
            StatusMeaning(
                status=Status.SUCCESS,
                when="the instances of the study are compared with those that came",
            ),
            StatusMeaning(
                status=Status.SUBOPERATIONS_WITH_FAILURES,
                when="of a retrieval: the same, and what is missing is asked for again",
            ),
            StatusMeaning(
                status=Status.OUT_OF_RESOURCES,
                when=(
                    "as every failure: of a query, a range of dates is asked for in halves, and "
                    "anything else ends the command; of a retrieval, the study is tried again "
                    "(--retries), and the exit code is 1 where it does not come"
                ),
            ),
        ),
    )
