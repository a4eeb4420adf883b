"""What an instance is to somebody who wants to see it, by its SOP class."""

from __future__ import annotations

from enum import Enum

from pydicom.uid import UID

from pacs_dicomweb.rendered.media import IMAGES, PDF, REPORTS, STL, XML
from pacs_framework.rendering.presentation.state import is_presentation_state
from pacs_framework.rendering.reports.reading import is_report

__all__ = ["Kind", "kind_of", "may_be_image", "media_of"]

_ALSO_IMAGES = frozenset({"Segmentation Storage", "RT Dose Storage", "Parametric Map Storage"})
_DOCUMENTS = {
    "Encapsulated PDF Storage": PDF,
    "Encapsulated CDA Storage": XML,
    "Encapsulated STL Storage": STL,
    "Encapsulated OBJ Storage": "model/obj",
    "Encapsulated MTL Storage": "model/mtl",
}


class Kind(Enum):
    """How instances are rendered."""

    IMAGE = "image"
    STATE = "presentation state"
    REPORT = "report"
    DOCUMENT = "document"
    OTHER = "other"
    """Nothing in them can be seen, as far as we know."""


def kind_of(sop_class_uid: str) -> Kind:
    """The kind of instances of a SOP class; private ones may be images, which nobody knows."""
    name = UID(sop_class_uid).name
    if name == sop_class_uid or "Image Storage" in name or name in _ALSO_IMAGES:
        return Kind.IMAGE
    if is_presentation_state(sop_class_uid):
        return Kind.STATE
    if is_report(sop_class_uid):
        return Kind.REPORT
    return Kind.DOCUMENT if name in _DOCUMENTS else Kind.OTHER


def may_be_image(sop_class_uid: str) -> bool:
    """Whether instances of a SOP class have pixels; of private ones nobody knows."""
    return kind_of(sop_class_uid) is Kind.IMAGE


def media_of(sop_class_uid: str) -> tuple[str, ...]:
    """What instances of a SOP class are rendered as, the default one first."""
    match kind_of(sop_class_uid):
        case Kind.IMAGE | Kind.STATE:
            return IMAGES
        case Kind.REPORT:
            return REPORTS
        case Kind.DOCUMENT:
            return (_DOCUMENTS[UID(sop_class_uid).name],)
        case Kind.OTHER:
            return ()
