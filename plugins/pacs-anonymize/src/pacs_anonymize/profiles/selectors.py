"""How a profile file names attributes: tag, keyword, VR, private creator, group."""

from __future__ import annotations

import re
from difflib import get_close_matches

from pydicom.datadict import keyword_dict, keyword_for_tag, tag_for_keyword
from pydicom.valuerep import VR

from pacs_anonymize.engine.profile import ByPrivate, ByTag, ByVR, Selector

__all__ = ["by_group", "by_keyword", "by_private", "by_tag", "by_vr", "in_words"]

_TAG = re.compile(r"\(?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})\)?").fullmatch
_GROUP = re.compile(r"[0-9A-Fa-f]{4}|[0-9A-Fa-f]{2}xx").fullmatch
_ELEMENT = re.compile(r"[0-9A-Fa-f]{2}").fullmatch

_EVERY_BIT = 0xFFFFFFFF
_ONE_GROUP = 0xFFFF0000
_REPEATING_GROUP = 0xFF000000

_VRS = sorted({each.value for each in VR if len(each.value) == 2})


def by_tag(text: str) -> ByTag:
    """``(0010,0010)``. Raises ValueError."""
    found = _TAG(text)
    if found is None:
        raise ValueError(f"{text!r} is no tag: write it as (0010,0010)")
    tag = int(found[1] + found[2], 16)
    if (tag >> 16) % 2:
        raise ValueError(
            f"{text} is private: name it by its creator, private = {{creator, element}}"
        )
    return ByTag(tag)


def by_keyword(text: str) -> ByTag:
    """``PatientName``. Raises ValueError that names the nearest one."""
    tag = tag_for_keyword(text)
    if tag is None:
        near = get_close_matches(text, keyword_dict, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"{text!r} is no keyword of PS3.6{meant}")
    return ByTag(int(tag))


def by_vr(text: str) -> ByVR:
    """``PN``. Raises ValueError."""
    if text not in _VRS:
        raise ValueError(f"{text!r} is no VR: there are {', '.join(_VRS)}")
    return ByVR(text)


def by_group(text: str) -> ByTag:
    """``0032``, or ``50xx`` for curves and ``60xx`` for overlays. Raises ValueError."""
    if _GROUP(text) is None:
        raise ValueError(f"{text!r} is no group: write it as '0032' or '60xx'")
    if text.endswith("xx"):
        return ByTag(int(text[:2], 16) << 24, _REPEATING_GROUP)
    return ByTag(int(text, 16) << 16, _ONE_GROUP)


def by_private(creator: str, element: str) -> ByPrivate:
    """The block of a creator, or one element of it by its last two digits. Raises ValueError."""
    if element and _ELEMENT(element) is None:
        raise ValueError(f"{element!r} is no private element: write its last two digits, as '1e'")
    return ByPrivate(creator, element=int(element, 16) if element else None)


def in_words(selector: Selector) -> str:
    """What a selector means, in a few words."""
    if isinstance(selector, ByVR):
        return f"every attribute of VR {selector.vr}"
    if isinstance(selector, ByPrivate):
        one = (
            "every private attribute"
            if selector.element is None
            else (f"the private attribute xx{selector.element:02x}")
        )
        return f"{one} of creator {selector.creator!r}"
    if selector.mask == _ONE_GROUP:
        return f"every attribute of group {selector.tag >> 16:04x}"
    if selector.mask == _REPEATING_GROUP:
        return f"every attribute of groups {selector.tag >> 24:02x}xx"
    keyword = keyword_for_tag(selector.tag)
    number = f"({selector.tag >> 16:04x},{selector.tag & 0xFFFF:04x})"
    return f"{keyword} {number}" if keyword else number
