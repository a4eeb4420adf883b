"""What comes before dicognito's own handlers: values that they would spoil.

Imported when the first instance comes, with dicognito.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from dicognito.element_anonymizer import ElementAnonymizer
from pydicom import DataElement, Dataset

from pacs_framework.anonymizers.uids import is_of_an_instance

__all__ = ["Before"]


class Before(ElementAnonymizer):
    """Is asked first; dicognito goes on with an element unless it says True."""

    def __call__(self, dataset: Dataset, data_element: DataElement) -> bool:
        """Leave out what is empty and UIDs of standards, and tell patients of two issuers apart."""
        if data_element.is_empty:
            return True  # an identifier would be made of nothing, one for all who have none
        if data_element.VR == "UI":
            return not _is_of_an_instance(data_element)
        if data_element.keyword == "PatientID" and data_element.VM == 1:
            _add_issuer(data_element, str(dataset.get("IssuerOfPatientID") or ""))
        return False

    def describe_actions(self) -> Iterator[str]:
        """For ``dicognito --what-if`` and its like."""
        yield "Keep UI elements of classes, transfer syntaxes and coding schemes"
        yield "Replace PatientID by the original and its issuer"


def _is_of_an_instance(element: DataElement) -> bool:
    uids = element.value if element.VM > 1 else [element.value]
    return any(is_of_an_instance(element.keyword, str(uid)) for uid in uids)


def _add_issuer(element: DataElement, issuer: str) -> None:
    """Without it dicognito would make one patient of P1 in two hospitals.

    As a digest, since both together may be longer than a LO.
    """
    if issuer:
        both = f"{issuer}\n{element.value}".encode()
        element.value = hashlib.sha256(both).hexdigest()
