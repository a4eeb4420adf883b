"""Sequences of content items cleaned item by item: what Table E.3.4-1 says of each (PS3.15 E.3.4).

Content items may refer to others by their positions in the tree (PS3.3 C.17.3.2.5). Where any does,
nothing may move up: an item that is taken out leaves a comment without a word in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.tag import BaseTag, Tag

from pacs_anonymize.engine import treatments
from pacs_anonymize.engine.content import (
    content_action,
    content_table,
    is_characteristic,
    key_of,
)
from pacs_anonymize.engine.dummies import REMOVED, dummy_item
from pacs_anonymize.engine.identity import Source
from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.profile import Action
from pacs_anonymize.engine.walk import walk
from pacs_anonymize.engine.work import Level
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES

if TYPE_CHECKING:
    from pacs_anonymize.engine.plan import Step
    from pacs_anonymize.engine.work import Element

__all__ = ["CONTENT_ITEMS", "clean_content"]

# Table E.1-1 has rows for the sequences of content items, but for those that stand in their items.
CONTENT_ITEMS = frozenset(
    (Tag("SpecimenPreparationStepContentItemSequence"), Tag("ContentItemModifierSequence"))
)
_CONTENT = Tag("ContentSequence")
_TEXT, _UID = Tag("TextValue"), Tag("UID")
_VALUE = {"TEXT": _TEXT, "UIDREF": _UID}
_RULE = "Table E.3.4-1"
_CHARACTERISTIC = "a characteristic of the patient (PS3.15 E.3.7)"


def clean_content(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """C for sequences of content items."""
    try:
        items = level.items(tag)
    except PYDICOM_FAILURES:
        items = None
    if items is None:
        # What cannot be read as items cannot be looked at.
        treatments.remove(level, tag, element, step)
        return
    plan = level.work.plans.below(int(tag), cleaning=True)
    stays = []
    for number, item in enumerate(items):
        inner = Level(level.work, item, plan, level, level.inside(tag, number))
        if _stays(inner, tag, element):
            stays.append(item)
        elif _refers_by_position(level):
            stays.append(_nothing_like(item))
    items[:] = stays
    if not stays and tag == _CONTENT:
        level.drop(tag)  # type 1C: none without an item (PS3.3 C.17.3)


def _stays(inner: Level, tag: BaseTag, element: Element) -> bool:
    """Treat a content item and all below it; whether it stays."""
    options = inner.work.plans.profile.options
    row = content_table().get(key_of(inner.dataset))
    action = Action.C if row is None else content_action(row, options)
    rule = _RULE
    if Option.RETAIN_PATIENT_CHARACTERISTICS not in options and is_characteristic(inner.dataset):
        action, rule = Action.X, _CHARACTERISTIC
    if row is not None and row.identifies:
        _gather(inner)
    if action is Action.X:
        walk(inner)  # for who is named in it, to be looked for elsewhere
        inner.tell(tag, element, Action.X, rule, None)
        return False
    if action is Action.K:
        _keep_value(inner)
    else:
        if action is Action.D:
            _replace_text(inner)
        walk(inner)
    return True


def _gather(inner: Level) -> None:
    text = inner.dataset.get_item(_TEXT)
    if text is not None:
        inner.gather(text, Source.IDENTIFIER)


def _replace_text(inner: Level) -> None:
    """D for a text; of other value types the profile replaces the value everywhere."""
    text = inner.dataset.get_item(_TEXT)
    if text is not None:
        inner.put(_TEXT, "UT", REMOVED.encode())
        inner.tell(_TEXT, text, Action.D, _RULE, REMOVED)


_KEEPING: dict[BaseTag, Callable[[Level, BaseTag, Element, Step], None]] = {
    _TEXT: treatments.keep_text,
    _UID: treatments.keep_uid,
}


def _keep_value(inner: Level) -> None:
    """K: the value itself is kept from what happens to such attributes elsewhere."""
    tag = _VALUE.get(str(inner.dataset.get("ValueType") or "").strip())
    value = None if tag is None else inner.dataset.get_item(tag)
    if tag is None or value is None:
        walk(inner)
        return
    del inner.dataset[tag]
    walk(inner)
    inner.dataset[tag] = value
    _KEEPING[tag](inner, tag, value, inner.plan[int(tag)])


def _refers_by_position(level: Level) -> bool:
    """Whether any content item of the instance has Referenced Content Item Identifier."""
    work = level.work
    if work.by_position is None:
        work.by_position = _any_position((work.top,))
    return work.by_position


def _any_position(items: Iterable[Dataset]) -> bool:
    return any(
        "ReferencedContentItemIdentifier" in item
        or _any_position(item.get("ContentSequence") or ())
        for item in items
    )


def _nothing_like(item: Dataset) -> Dataset:
    """What stands in the place of an item that was taken out."""
    placed = dummy_item(int(_CONTENT), item)
    if relationship := item.get("RelationshipType"):
        placed.RelationshipType = relationship
    return placed
