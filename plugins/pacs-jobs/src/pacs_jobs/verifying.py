"""Jobs of kind ``verify``: what is stored, held against the index and its digests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from pacs_framework.archive.verify import verify, verify_study
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.jobs import JobFailed, JobKind, JobRefused

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.jobs import JobContext

__all__ = ["verify_kind"]

_MOST_SHOWN = 200  # findings in the result; all are counted, and written to the job's log


def verify_kind(archive: Archive) -> JobKind:
    """The kind; its payload is ``{"study": UID}``, or empty for the whole archive."""
    return JobKind(
        name="verify",
        description="Read every byte of a study, or of all, and hold it against the index",
        run=partial(_run, archive),
        check=_check,
        everywhere=1,  # it reads as fast as the storage gives
        attempts=3,
    )


def _check(payload: Mapping[str, Any]) -> None:
    unknown = sorted(set(payload) - {"study"})
    if unknown:
        raise JobRefused(f"verify: {unknown[0]!r} is unknown; the payload may have 'study'")
    study = payload.get("study", "")
    if not isinstance(study, str) or (study and not is_valid_uid(study)):
        raise JobRefused(f"verify: {study!r} is no Study Instance UID")


def _run(archive: Archive, context: JobContext) -> dict[str, Any]:
    study = context.payload.get("study", "")
    count = 0

    def progress(done: int, total: int) -> None:
        nonlocal count
        count = done
        context.check()
        context.progress(done, total, "instances")

    if study and not archive.lookup.count_of_study(study):
        raise JobFailed(f"the archive has no study {study!r}")
    findings = verify_study(archive, study, progress) if study else verify(archive, progress)
    shown: list[dict[str, Any]] = []
    wrong = 0
    for found in findings:
        wrong += 1
        name = found.sop_instance_uid or found.storage_key
        context.log(f"{found.kind}: {name} {found.detail}".rstrip())
        if len(shown) < _MOST_SHOWN:
            shown.append({**asdict(found), "kind": found.kind.value})
    return {"instances": count, "wrong": wrong, "findings": shown}
