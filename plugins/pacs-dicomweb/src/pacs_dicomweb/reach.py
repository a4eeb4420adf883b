"""Whose workitems somebody may see who may not see everything.

A limit says of which patients, studies, modalities, labels or senders. A workitem names a patient
and studies; of the others it says nothing that anybody vouches for, so a limit that goes by one of
them admits no workitem at all.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.sequence import Sequence as Items

from pacs_framework.dicom.wildcards import compile_wildcard, has_wildcard
from pacs_http.api import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pacs_http.api import Limit, Scope

__all__ = ["check", "check_kept", "check_whole", "deciding", "is_admitted"]

_DECIDED = {"patients", "studies"}
_OF_ITSELF = ("PatientID", "StudyInstanceUID")
_INPUTS = "InputInformationSequence"


def is_admitted(scope: Scope, workitem: Dataset) -> bool:
    """Whether a workitem is within one limit of each group."""
    reach = scope.reach
    return reach is None or all(
        any(_takes(limit, workitem) for limit in group) for group in reach.groups
    )


def deciding(keys: Dataset) -> Dataset:
    """``keys`` of a search, and with them all that `is_admitted` goes by: an answer has only what
    keys name, and is not to be judged by less than the workitem itself.
    """
    wanted = deepcopy(keys)
    for keyword in _OF_ITSELF:
        wanted.setdefault(keyword, "")
    inputs = wanted.setdefault(_INPUTS, Items([Dataset()])).value
    if inputs and (inputs[0] or keys.get(_INPUTS) is None):  # none, or an empty one, names all
        inputs[0].setdefault("StudyInstanceUID", "")
    return wanted


def check(scope: Scope, workitem: Dataset) -> None:
    """Raise `Problem` 404, as for what is not there, for a workitem that is out of scope."""
    if not is_admitted(scope, workitem):
        raise Problem(HTTPStatus.NOT_FOUND, "there is no step with this SOP Instance UID")


def check_kept(scope: Scope, workitem: Dataset) -> None:
    """Raise `Problem` 403 for a workitem that would be made outside of what its maker may see."""
    if not is_admitted(scope, workitem):
        raise Problem(HTTPStatus.FORBIDDEN, "this step is outside of what you may work on")


def check_whole(scope: Scope) -> None:
    """Raise `Problem` 403 for what is about all workitems."""
    if not scope.whole:
        raise Problem(HTTPStatus.FORBIDDEN, "you may be told of single workitems alone")


def _takes(limit: Limit, workitem: Dataset) -> bool:
    rules = {name for name, values in asdict(limit).items() if values}
    return (
        rules <= _DECIDED
        and _fits(str(workitem.get("PatientID") or ""), limit.patients)
        and all(_fits(study, limit.studies) for study in _studies_of(workitem))
    )


def _studies_of(workitem: Dataset) -> set[str]:
    """That which it is about, and those of its input: the archive itself may work on them."""
    inputs = workitem.get(_INPUTS) or ()
    return {str(each.get("StudyInstanceUID") or "") for each in (workitem, *inputs)}


def _fits(value: str, patterns: Iterable[str]) -> bool:
    wanted = list(patterns)
    return not wanted or any(
        value == each or (has_wildcard(each) and compile_wildcard(each)(value)) for each in wanted
    )
