"""Conditions of rules: a small typed language over the attributes of an instance.

``Modality in ["CT", "MR"] and not CallingAET matches "TEST*"``. Nothing of it is ever run as code:
a text becomes tokens, a tree, and a tree whose every comparison is known to make sense.
"""

from pacs_routing.conditions.condition import Condition, Facts, Finding
from pacs_routing.conditions.errors import ConditionError

__all__ = ["Condition", "ConditionError", "Facts", "Finding"]
