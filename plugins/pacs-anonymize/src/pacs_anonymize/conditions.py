"""Conditions of rules, about the attributes of an instance alone."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom import Dataset

from pacs_framework.conditions import Condition, DataSetFacts
from pacs_framework.errors import NotAnonymized

__all__ = ["InstanceCondition"]


@dataclass(frozen=True)
class InstanceCondition:
    """A `Condition` that is asked of data sets. It can be pickled: anonymizers go to other
    processes. Raises `ConditionError`.
    """

    condition: Condition

    @classmethod
    def read(cls, text: str) -> InstanceCondition:
        """What ``text`` says."""
        return cls(Condition(text))

    @classmethod
    def of_rule(cls, text: str) -> InstanceCondition | None:
        """The same; None where a rule has no condition."""
        return cls.read(text) if text else None

    def __call__(self, dataset: Dataset) -> bool:
        """Whether it holds for an instance as it was before anything of it was changed.

        Raises `NotAnonymized` where that depends on a value that cannot be read.
        """
        facts = DataSetFacts(dataset)
        verdict = self.condition.verdict(facts)
        if verdict is not None:
            return verdict
        # Not the values: they may be the patient's.
        unknown = (each for each in self.condition.findings(facts) if each.holds is None)
        subjects = ", ".join(dict.fromkeys(each.subject.name for each in unknown))
        raise NotAnonymized(f"a condition asks for {subjects}, which cannot be read")

    def __str__(self) -> str:
        return self.condition.text
