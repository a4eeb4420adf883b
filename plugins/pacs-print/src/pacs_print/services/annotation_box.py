"""Basic Annotation Box: N-SET of its text (PS3.4 H.4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_framework.network.normalized import Outcome
from pacs_print.services.attributes import missing, position_of, read, refused, tag, text
from pacs_print.services.classes import ANNOTATION_BOX
from pacs_print.services.tree import AnnotationBox

if TYPE_CHECKING:
    from pacs_print.services.desk import Desk

__all__ = ["set_"]

_POSITION = "AnnotationPosition"


def set_(desk: Desk) -> Outcome:
    """A text goes into the box; without one, the text that is there is kept."""
    found = desk.tree.find(desk.operation.sop_instance_uid, ANNOTATION_BOX)
    assert isinstance(found, AnnotationBox)
    dataset = desk.operation.required_dataset()
    missing(dataset, _POSITION)
    given = read(dataset, [text("TextString")], known=(_POSITION,))
    boxes = found.film_box.annotations
    position = position_of(dataset, _POSITION, len(boxes))
    if any(box.position == position and box.text for box in boxes if box is not found):
        raise refused(f"another annotation box has position {position}", [tag(_POSITION)])
    found.position = position
    found.text = str(given.values.get("TextString", found.text))
    answer = Dataset()
    answer.AnnotationPosition, answer.TextString = position, found.text
    return Outcome(status=given.status, dataset=answer, attributes=given.attributes)
