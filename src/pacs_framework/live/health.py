"""Whether an archive can do its work, and why not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Health", "joint_health"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """``reasons`` say what is wrong, one sentence each; none where the archive is healthy."""

    reasons: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not self.reasons


def joint_health(answers: Sequence[Mapping[str, Any]], where: str) -> Health:
    """The health of an archive from the answers of its processes; ``where`` names it.

    A reason that several processes give is told once.
    """
    if not answers:
        return Health(reasons=(f"no archive runs on {where}",))
    reasons = [str(answer["error"]) for answer in answers if "error" in answer]
    reasons += [str(each) for answer in answers for each in answer.get("reasons", ())]
    roles = Counter(str(answer.get("role")) for answer in answers)
    for answer in answers:
        wanted = int(answer.get("workers", 0))
        if roles["worker"] < wanted:
            reasons.append(f"{roles['worker']} of {wanted} workers answer")
    if roles["worker"] and not roles["supervisor"]:
        reasons.append("the supervisor of the workers does not answer")
    return Health(reasons=tuple(dict.fromkeys(reasons)))
