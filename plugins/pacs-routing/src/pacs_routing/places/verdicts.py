"""What a destination says of an instance, and what follows."""

from __future__ import annotations

from pacs_framework.dicom.status import Status, is_warning
from pacs_routing.places.contract import Away, NotTaken, Taken

__all__ = ["taken"]

_FOR_GOOD = frozenset({0xA900, 0xC000})  # what no repetition changes (PS3.4 Table B.2-1)


def taken(uid: str, status: int, comment: str = "") -> Taken:
    """What a status of C-STORE means (PS3.4 Table B.2-1), or a Warning or Failure Reason of STOW-RS
    (PS3.18 Table I.2-2), which are the same numbers. Raises `NotTaken` and `Away`.
    """
    said = f"status {status:04X}H" + (f" ({comment})" if comment else "")
    if status == Status.SUCCESS:
        return Taken(sop_instance_uid=uid)
    if is_warning(status) or status == Status.DUPLICATE_SOP_INSTANCE:
        return Taken(sop_instance_uid=uid, remark=said)  # it has it, changed or from before
    if status >> 8 == Status.OUT_OF_RESOURCES >> 8:
        raise Away(f"it is out of resources: {said}")
    final = status & 0xFF00 in _FOR_GOOD or status >> 12 == 0xC
    raise NotTaken(said, final=final or status == Status.SOP_CLASS_NOT_SUPPORTED)
