"""What a check of a plugin found: one row for each thing that was looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["Finding", "Report", "Result", "failed", "fine", "timed", "warning"]


class Result(StrEnum):
    """How a check ended. A plugin with a failed one is not to be shipped."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row: what was looked at, how it ended, and what to do about it.

    ``facts`` are figures and names for programs; times are in seconds.
    """

    check: str
    result: Result
    detail: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`; `from_json` reads them back."""
        return {
            "check": self.check,
            "result": self.result.value,
            "detail": self.detail,
            "facts": dict(self.facts),
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Finding:
        """What `as_json` made."""
        return cls(
            check=row["check"],
            result=Result(row["result"]),
            detail=row["detail"],
            facts=row["facts"],
        )


def fine(check: str, detail: str, **facts: Any) -> Finding:
    """Nothing is wrong."""
    return Finding(check=check, result=Result.OK, detail=detail, facts=facts)


def warning(check: str, detail: str, **facts: Any) -> Finding:
    """Something that may be meant so, and is to be looked at."""
    return Finding(check=check, result=Result.WARNING, detail=detail, facts=facts)


def failed(check: str, detail: str, **facts: Any) -> Finding:
    """Something that breaks the plugin, or the archive of whoever installs it."""
    return Finding(check=check, result=Result.FAILED, detail=detail, facts=facts)


def timed(check: str, detail: str, seconds: float, budget: float, **facts: Any) -> Finding:
    """A finding with the time of a call against its budget, both in seconds; 0 is no budget.

    ``detail`` is what stands before the time.
    """
    took = f"{detail}{seconds * 1000:.1f} ms"
    if not budget:
        return fine(check, f"{took}, no limit", seconds=seconds, **facts)
    finding = failed if seconds > budget else fine
    return finding(check, f"{took} of {budget:g} s", seconds=seconds, budget=budget, **facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that was found of one plugin."""

    plugin: str
    distribution: str
    version: str
    kernel: str
    findings: Sequence[Finding]

    @property
    def passed(self) -> bool:
        """Whether nothing failed; warnings do not count."""
        return all(finding.result is not Result.FAILED for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return {
            "plugin": self.plugin,
            "distribution": self.distribution,
            "version": self.version,
            "kernel": self.kernel,
            "passed": self.passed,
            "checks": [finding.as_json() for finding in self.findings],
        }
