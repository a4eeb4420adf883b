"""Conditions: a small typed language over the attributes of an instance, for rules of plugins.

``Modality in ["CT", "MR"] and not StationName exists``. Nothing of it is ever run as code: a text
becomes tokens, a tree, and a tree whose every comparison is known to make sense. What else than
attributes may be asked about, such as who sent it, a plugin says by a `Vocabulary`.
"""

from pacs_framework.conditions.condition import Condition, Facts, Finding
from pacs_framework.conditions.datasets import DataSetFacts, values_in
from pacs_framework.conditions.errors import ConditionError, Place
from pacs_framework.conditions.kinds import DATE, NAME, NUMBER, TEXT, TIME, UNIQUE, Kind
from pacs_framework.conditions.subjects import ATTRIBUTES, Fact, Subject, Vocabulary

__all__ = [
    "ATTRIBUTES",
    "DATE",
    "NAME",
    "NUMBER",
    "TEXT",
    "TIME",
    "UNIQUE",
    "Condition",
    "ConditionError",
    "DataSetFacts",
    "Fact",
    "Facts",
    "Finding",
    "Kind",
    "Place",
    "Subject",
    "Vocabulary",
    "values_in",
]
