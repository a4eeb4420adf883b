"""What is wrong with a line of a recipe: that it would do nothing, or not what it says.

deid itself drops what it does not understand with a message, and does nothing where a name is
unknown; then a value that should go stays. It also takes a comment behind REMOVE for a condition
that is not met.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pacs_anonymize_deid.fields import attribute_of, field_fault, vrs_of
from pacs_anonymize_deid.lines import Action, Line
from pacs_framework.anonymizers.identity import names_a_person

__all__ = ["FUNCTIONS", "VARIABLES", "fault_of"]

FUNCTIONS = ("new_uid", "pseudonym")
"""What a recipe may name as ``func:…``; `pacs_anonymize_deid.pseudonyms` has them."""

VARIABLES = ("days_back",)
"""What a recipe may name as ``var:…``."""

_WITH_VALUE, _WITHOUT_VALUE = ("ADD", "REPLACE", "JITTER"), ("REMOVE", "BLANK", "KEEP")
_WHOLE_NUMBERS = frozenset(("SL", "SS", "SV", "UL", "US", "UV", "US or SS"))
_whole = re.compile(r"-?\d+").fullmatch
_decimal = re.compile(r"-?\d+(\.\d*)?([eE][+-]?\d+)?").fullmatch
_split_options = re.compile(r'\s*((by="[^"]+"|minlength=\d+)\s*;?\s*)*').fullmatch


def fault_of(line: Line, lists: Mapping[str, tuple[str, ...]]) -> str:
    """Why an action would do nothing, or something else than it says; empty where it is sound.

    lists: the names of those under ``%fields`` and ``%values``.
    """
    check = {"header": _header_fault, "fields": _list_fault, "values": _list_fault}
    if line.section not in check:
        return ""  # its section is told already
    if not line.action.field:
        return f"{line.action.action} needs an attribute, or an expression for some"
    found = field_fault(line.action.field, values=lists["values"], fields=lists["fields"])
    return found or check[line.section](line.action, line.section)


def _list_fault(action: Action, section: str) -> str:
    if action.action == "FIELD" and action.value is None:
        return ""
    if (section, action.action) == ("values", "SPLIT") and _split_options(action.value or ""):
        return ""
    return f"a line of %{section} is FIELD NAME" + (
        ', or SPLIT NAME by="…";minlength=N' if section == "values" else ""
    )


def _header_fault(action: Action, _: str) -> str:
    known = (*_WITH_VALUE, *_WITHOUT_VALUE)
    if action.action not in known:
        return f"{action.action!r} is none of {', '.join(known)}, in capitals"
    if action.action in _WITHOUT_VALUE:
        return _bare_fault(action)
    if action.value is None:
        return f"{action.action} needs a value"
    if action.action == "ADD" and attribute_of(action.field) is None:
        return "ADD is for one attribute"
    return _value_fault(action) or (
        _jitter_fault(action) if action.action == "JITTER" else _constant_fault(action)
    )


def _bare_fault(action: Action) -> str:
    if action.value is not None:
        return f"{action.action} takes no value, and conditions cannot be programmed here"
    tag = attribute_of(action.field)
    if action.action == "KEEP" and tag is not None and names_a_person(tag):
        return f"{action.field} names a person, and is emptied if it stays; it cannot be kept"
    return ""


def _jitter_fault(action: Action) -> str:
    """Of a time or an age deid makes a day, by what day it is."""
    if not (_whole(action.value or "") or action.value == "var:days_back"):
        return f"JITTER takes a number of days or var:days_back, not {action.value!r}"
    others = [name for vr, name in vrs_of(action.field).items() if vr not in ("DA", "DT")]
    if others:
        return f"JITTER moves DA and DT, and {action.field} is for {min(others)} too"
    return ""


def _constant_fault(action: Action) -> str:
    """A number is left as it is where the new value is none."""
    if (action.value or "").startswith("func:"):
        return ""  # it looks at the VR itself
    for vr, name in vrs_of(action.field).items():
        number = _whole if vr in _WHOLE_NUMBERS else _decimal if vr in ("FL", "FD") else None
        if number is not None and not number(action.value or ""):
            return f"{name} is a number, and {action.value!r} is none"
    return ""


def _value_fault(action: Action) -> str:
    kind, colon, name = (action.value or "").partition(":")
    if not colon or kind not in ("func", "var", "deid_func"):
        return ""
    if kind == "deid_func":
        return (
            f"{action.value} is random, or made without a key; write func:new_uid, func:pseudonym "
            "or JITTER"
        )
    known = FUNCTIONS if kind == "func" else VARIABLES
    if name not in known:
        return f"there is no {kind}:{name}; there are {', '.join(f'{kind}:{k}' for k in known)}"
    if kind == "func" and action.action != "REPLACE":
        return f"{action.value} makes a new value of the old one, so it is for REPLACE"
    if kind == "var" and action.action != "JITTER":
        return f"{action.value} is a number of days, so it is for JITTER"
    return ""
