"""Private attributes (PS3.5 7.8): removed, but for those that are known to be safe.

With the Retain Safe Private Option (PS3.15 E.3.10) those stay that Table E.3.10-1 lists, or that
the instance declares safe in Private Data Element Characteristics Sequence (0008,0300). The rules
of a site go before. A creator stays as long as an element of its block does. What stays is treated
by its VR like an attribute that the table of the standard does not know, and is looked through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from pydicom import Dataset
from pydicom.tag import BaseTag

from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.profile import Action
from pacs_anonymize.engine.table import read_data
from pacs_anonymize.engine.work import Element, Level

__all__ = ["declared_safe", "safe_characteristics", "treat_private"]

RULE = "Private Attributes"

_SAFE = "SAFE"
_CREATORS = range(0x10, 0x100)
_DESCRIBING = (
    *("PrivateGroupReference", "PrivateCreatorReference"),
    *("BlockIdentifyingInformationStatus", "NonidentifyingPrivateElements"),
)

SafeBlocks = dict[tuple[int, str], frozenset[int] | None]


@lru_cache(maxsize=1)
def _listed() -> Mapping[tuple[int, str], frozenset[int]]:
    """PS3.15 Table E.3.10-1: group and creator → the last two digits of the element numbers."""
    rows = read_data("safe_private.json")["rows"]
    return {
        (int(group, 16), creator): frozenset(int(element, 16) for element in elements)
        for group, creator, elements in rows
    }


def declared_safe(dataset: Dataset) -> SafeBlocks:
    """What (0008,0300) of an instance declares safe: group and creator → elements, None for all."""
    blocks: SafeBlocks = {}
    for item in dataset.get("PrivateDataElementCharacteristicsSequence") or ():
        group, creator = item.get("PrivateGroupReference"), item.get("PrivateCreatorReference")
        if group is None or not creator:
            continue
        if item.get("BlockIdentifyingInformationStatus") == _SAFE:
            blocks[int(group), str(creator).strip()] = None
        else:
            listed = item.get("NonidentifyingPrivateElements") or ()
            elements = [listed] if isinstance(listed, int) else listed
            blocks[int(group), str(creator).strip()] = frozenset(int(e) & 0xFF for e in elements)
    return blocks


def safe_characteristics(items: Iterable[Dataset]) -> list[Dataset]:
    """The items of (0008,0300) that describe what may have stayed, without anything else."""
    kept = []
    for item in items:
        if item.get("BlockIdentifyingInformationStatus") == _SAFE or item.get(
            "NonidentifyingPrivateElements"
        ):
            described = Dataset()
            for keyword in _DESCRIBING:
                if keyword in item:
                    described.add(item[keyword])
            kept.append(described)
    return kept


def treat_private(level: Level, elements: list[tuple[BaseTag, Element]]) -> None:
    """Treat the private elements of one data set."""
    plans = level.work.plans
    if not plans.profile.rules and Option.RETAIN_SAFE_PRIVATE not in plans.profile.options:
        for tag, element in elements:
            _drop(level, tag, element, RULE)
        return
    creators = _creators(level, elements)
    waiting, used = [], set()
    for tag, element in elements:
        if (tag & 0xFFFF) in _CREATORS:
            waiting.append((tag, element))
        elif _stays(level, tag, element, creators.get(_block(tag), "")):
            used.add(_block(tag))
    for tag, element in waiting:
        if int(tag) in used:
            plans.private_step("LO").treat(level, tag, element, plans.private_step("LO"))
        else:
            _drop(level, tag, element, RULE)


def _creators(level: Level, elements: list[tuple[BaseTag, Element]]) -> dict[int, str]:
    """Tag of the creator element → the name in it."""
    return {
        int(tag): level.texts(element, "LO")[0]
        for tag, element in elements
        if (tag & 0xFFFF) in _CREATORS
    }


def _block(tag: int) -> int:
    """The tag of the creator element that reserves the block of a private element."""
    return int(tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8)


def _stays(level: Level, tag: BaseTag, element: Element, creator: str) -> bool:
    """Treat one element by the first rule for it, or by whether it is safe."""
    work = level.work
    vr = str(element.VR or "UN")
    rule = work.plans.private_rule(work.holding, tag, creator, vr)
    if rule is not None:
        step = work.plans.step_of(rule, vr)
        step.treat(level, tag, element, step)
        return tag in level.dataset
    if creator and _is_safe(level, tag, creator):
        # Without a VR of its own, an element of an implicit data set has that of its dictionary.
        known = vr if vr != "UN" else str(level.dataset[tag].VR)
        step = work.plans.private_step(known)
        step.treat(level, tag, element, step)
        return tag in level.dataset
    _drop(level, tag, element, RULE)
    return False


def _is_safe(level: Level, tag: int, creator: str) -> bool:
    if Option.RETAIN_SAFE_PRIVATE not in level.work.plans.profile.options:
        return False
    place, element = (tag >> 16, creator), tag & 0xFF
    if element in _listed().get(place, ()):
        return True
    declared = level.work.safe_blocks.get(place, frozenset())
    return declared is None or element in declared


def _drop(level: Level, tag: BaseTag, element: Element, rule: str) -> None:
    level.drop(tag)
    level.tell(tag, element, Action.X, rule, None)
