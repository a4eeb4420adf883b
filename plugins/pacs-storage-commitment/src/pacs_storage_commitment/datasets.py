"""Action and event information as data sets (PS3.4 Tables J.3-1 and J.3-2)."""

from __future__ import annotations

from collections.abc import Iterable

from pydicom import Dataset

from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.network.errors import NormalizedFailure
from pacs_storage_commitment.model import FailureReason, Reference, Report

__all__ = ["read_report", "read_request", "report_dataset", "request_dataset"]


def read_request(information: Dataset, most: int) -> tuple[str, list[Reference]]:
    """Transaction UID and references of a request, each once.

    Raises `NormalizedFailure`: 0115H for what is missing or no UID, 0213H beyond ``most``.
    """
    references = _references(information, "ReferencedSOPSequence")
    if not references:
        raise _invalid("there is no Referenced SOP Sequence, or nothing in it")
    _check_number(references, most)
    return _transaction(information), list(dict.fromkeys(references))


def read_report(information: Dataset, most: int) -> Report:
    """A report that a peer sends. Raises as `read_request` does."""
    committed = _references(information, "ReferencedSOPSequence")
    failed_items = information.get("FailedSOPSequence") or ()
    failed = _references(information, "FailedSOPSequence")
    if not committed and not failed:
        raise _invalid("there is neither a Referenced nor a Failed SOP Sequence")
    _check_number([*committed, *failed], most)
    reasons = [_reason(item) for item in failed_items]
    return Report(
        transaction_uid=_transaction(information),
        committed=tuple(committed),
        failed=dict(zip(failed, reasons, strict=True)),
    )


def request_dataset(transaction_uid: str, references: Iterable[Reference]) -> Dataset:
    """The information of N-ACTION."""
    dataset = Dataset()
    dataset.TransactionUID = transaction_uid
    dataset.ReferencedSOPSequence = [_item(reference) for reference in references]
    return dataset


def report_dataset(report: Report, retrieve_aet: str) -> Dataset:
    """The information of N-EVENT-REPORT; a sequence that would be empty is left out."""
    dataset = Dataset()
    dataset.TransactionUID = report.transaction_uid
    if report.committed:
        dataset.RetrieveAETitle = retrieve_aet
        dataset.ReferencedSOPSequence = [_item(reference) for reference in report.committed]
    if report.failed:
        dataset.FailedSOPSequence = [
            _item(reference, reason) for reference, reason in report.failed.items()
        ]
    return dataset


def _item(reference: Reference, reason: int | None = None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = reference.sop_class_uid
    item.ReferencedSOPInstanceUID = reference.sop_instance_uid
    if reason is not None:
        item.FailureReason = reason
    return item


def _references(dataset: Dataset, keyword: str) -> list[Reference]:
    if keyword in dataset and dataset[keyword].VR != "SQ":
        raise _invalid(f"{keyword} is no sequence")
    return [
        Reference(_uid(item, "ReferencedSOPClassUID"), _uid(item, "ReferencedSOPInstanceUID"))
        for item in dataset.get(keyword) or ()
    ]


def _transaction(dataset: Dataset) -> str:
    return _uid(dataset, "TransactionUID")


def _uid(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    if not isinstance(value, str) or not is_valid_uid(value):
        raise _invalid(f"{keyword} is missing or no UID")
    return str(value)


def _reason(item: Dataset) -> int:
    """Without one, it still failed."""
    value = item.get("FailureReason")
    return value if isinstance(value, int) else FailureReason.PROCESSING_FAILURE


def _check_number(references: list[Reference], most: int) -> None:
    if len(references) > most:
        raise NormalizedFailure(
            f"{len(references)} instances, at most {most} at once",
            status=Status.RESOURCE_LIMITATION,
        )


def _invalid(message: str) -> NormalizedFailure:
    return NormalizedFailure(message, status=Status.INVALID_ARGUMENT_VALUE)
