"""Names for numbers: UIDs, tags, statuses, and the service class that a SOP class belongs to."""

from __future__ import annotations

from enum import StrEnum

from pydicom.uid import UID
from pynetdicom import sop_class
from pynetdicom.sop_class import uid_to_service_class

from pacs_framework.conformance.statement import UidName
from pacs_framework.dicom.status import Status, is_failure, is_pending, is_warning

__all__ = ["Family", "family_of", "named", "service_status", "status_text", "tag_text"]


class Family(StrEnum):
    """The groups in which the template wants services, in its order."""

    WORKLIST = "Basic Worklist Management"
    PERFORMED_STEP = "Modality Performed Procedure Step"
    UNIFIED_STEP = "Unified Worklist and Procedure Step"
    AVAILABILITY = "Instance Availability Notification"
    STORAGE = "Storage"
    COMMITMENT = "Storage Commitment"
    QUERY_RETRIEVE = "Query/Retrieve"
    PRINT = "Print Management"
    VERIFICATION = "Verification"
    OTHER = "Other services"


# pynetdicom sorts the SOP classes of PS3.4 into service classes, one Python class for each.
_FAMILIES = {
    "BasicWorklistManagementServiceClass": Family.WORKLIST,
    "ProcedureStepServiceClass": Family.PERFORMED_STEP,
    "UnifiedProcedureStepServiceClass": Family.UNIFIED_STEP,
    "InstanceAvailabilityNotificationServiceClass": Family.AVAILABILITY,
    "StorageServiceClass": Family.STORAGE,
    "NonPatientObjectStorageServiceClass": Family.STORAGE,
    "StorageCommitmentServiceClass": Family.COMMITMENT,
    "QueryRetrieveServiceClass": Family.QUERY_RETRIEVE,
    "PrintManagementServiceClass": Family.PRINT,
    "VerificationServiceClass": Family.VERIFICATION,
}

# The inverse of pynetdicom's names, for SOP classes that pydicom's dictionary does not have yet.
_LATER_CLASSES = {
    str(uid): name for name, uid in vars(sop_class).items() if isinstance(uid, sop_class.SOPClass)
}


def family_of(uid: str) -> Family:
    """The group of a SOP class; private and unknown ones are `Family.OTHER`."""
    return _FAMILIES.get(uid_to_service_class(uid).__name__, Family.OTHER)


def named(uid: str) -> UidName:
    """A UID with its name."""
    name = UID(uid).name
    return UidName(uid=uid, name=_LATER_CLASSES.get(uid, uid) if name == uid else name)


def tag_text(tag: int) -> str:
    """``(0008,0052)``."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def status_text(status: int) -> str:
    """``A700H``, as PS3.4 and PS3.7 write it."""
    return f"{status:04X}H"


def service_status(status: int) -> str:
    """Success, Pending, Cancel, Warning or Failure (PS3.7 Annex C)."""
    if status == Status.SUCCESS:
        return "Success"
    if status == Status.CANCEL:
        return "Cancel"
    if is_pending(status):
        return "Pending"
    if is_warning(status):
        return "Warning"
    assert is_failure(status)
    return "Failure"
