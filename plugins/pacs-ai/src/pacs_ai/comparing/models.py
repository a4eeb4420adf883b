"""Two models over all series that both ran on: how far they agree, in figures that are usual."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from pacs_ai.book import State
from pacs_ai.comparing.reading import NotComparable
from pacs_ai.comparing.reports import Judgements, Numbers
from pacs_ai.comparing.runs import Compared, compare_runs
from pacs_ai.comparing.segments import Agreement
from pacs_framework.errors import PacsError

if TYPE_CHECKING:
    from pacs_ai.book import Book, RunRecord
    from pacs_ai.catalogue import OfferedModel
    from pacs_framework.archive.archive import Archive

__all__ = ["Summary", "summary"]

_NORMAL_95 = 1.96
_WHO = {(True, True): "both", (True, False): "first", (False, True): "second"}


@dataclass(slots=True, kw_only=True)
class Summary:
    """What was found on ``series`` series; ``nothing`` counts others on which one model or both
    found NOTHING, ``skipped`` says of others why they are left out.
    """

    series: int = 0
    nothing: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, str] = field(default_factory=dict)
    segments: dict[str, list[Agreement]] = field(default_factory=dict)
    numbers: dict[tuple[str, str, str], list[Numbers]] = field(default_factory=dict)
    words: dict[tuple[str, str], list[Judgements]] = field(default_factory=dict)

    def add(self, found: Compared) -> None:
        """Count in what was found on one series."""
        match found:
            case Agreement():
                self.segments.setdefault(found.kind, []).append(found)
            case Numbers():
                key = found.finding, found.name, found.unit
                self.numbers.setdefault(key, []).append(found)
            case Judgements():
                self.words.setdefault((found.finding, found.name), []).append(found)

    def as_json(self) -> dict[str, Any]:
        """All figures."""
        return {
            "series": self.series,
            "nothing": {who: self.nothing[who] for who in _WHO.values()},
            "skipped": self.skipped,
            "segments": [_of_segments(kind, each) for kind, each in sorted(self.segments.items())],
            "measurements": [_of_numbers(*key, each) for key, each in sorted(self.numbers.items())],
            "evaluations": [_of_words(*key, each) for key, each in sorted(self.words.items())],
        }


def summary(
    archive: Archive,
    book: Book,
    first: OfferedModel,
    second: OfferedModel,
    *,
    shadow: Path | None = None,
) -> Summary:
    """Of the last run of each on every series that both went well on. Raises `NotComparable` where
    there is none.
    """
    made = Summary()
    for series, one, other in book.common(first, second):
        runs = book.find(one), book.find(other)
        if who := _WHO.get((_found_nothing(runs[0]), _found_nothing(runs[1]))):
            made.nothing[who] += 1
            continue
        try:
            found = compare_runs(archive, book, *runs, shadow=shadow)
        except (PacsError, OSError) as error:
            made.skipped[series] = str(error)
            continue
        made.series += 1
        for each in found:
            made.add(each)
    if not (made.series or made.nothing or made.skipped):
        raise NotComparable(f"{first.label} and {second.label} ran on no series that is the same")
    return made


def _found_nothing(run: RunRecord) -> bool:
    return run.state is State.NOTHING


def _of_segments(kind: str, found: list[Agreement]) -> dict[str, Any]:
    volumes = [each.second_ml - each.first_ml for each in found]
    return {
        "kind": kind,
        "series": len(found),
        "dice_mean": round(fmean(each.dice for each in found), 6),
        "dice_least": min(each.dice for each in found),
        "first_ml_mean": round(fmean(each.first_ml for each in found), 3),
        "second_ml_mean": round(fmean(each.second_ml for each in found), 3),
        **_spread(volumes, "_ml"),
    }


def _of_numbers(finding: str, name: str, unit: str, found: list[Numbers]) -> dict[str, Any]:
    apart = [each.difference for each in found if each.difference is not None]
    return {
        "finding": finding,
        "name": name,
        "unit": unit,
        "series": len(found),
        "only_one": len(found) - len(apart),
        **_spread(apart, ""),
    }


def _spread(differences: list[float], unit: str) -> dict[str, float | None]:
    """Mean of differences and the limits that 95 % of them lie within (Bland and Altman, 1986)."""
    if not differences:
        return {f"{name}{unit}": None for name in ("difference_mean", "lower", "upper")}
    mean = fmean(differences)
    around = _NORMAL_95 * stdev(differences) if len(differences) > 1 else 0.0
    return {
        f"difference_mean{unit}": round(mean, 6),
        f"lower{unit}": round(mean - around, 6),
        f"upper{unit}": round(mean + around, 6),
    }


def _of_words(finding: str, name: str, found: list[Judgements]) -> dict[str, Any]:
    pairs = Counter((each.first, each.second) for each in found)
    return {
        "finding": finding,
        "name": name,
        "series": len(found),
        "same": round(sum(each.same for each in found) / len(found), 6),
        "kappa": _kappa(pairs),
        "pairs": [
            {"first": first, "second": second, "series": count}
            for (first, second), count in sorted(pairs.items())
        ],
    }


def _kappa(pairs: Counter[tuple[str, str]]) -> float | None:
    """Agreement beyond chance (Cohen, 1960); None where chance alone makes all agree."""
    total = pairs.total()
    same = sum(count for (first, second), count in pairs.items() if first == second) / total
    firsts, seconds = Counter[str](), Counter[str]()
    for (first, second), count in pairs.items():
        firsts[first] += count
        seconds[second] += count
    chance = sum(firsts[word] * seconds[word] for word in firsts) / total**2
    return None if math.isclose(chance, 1.0) else round((same - chance) / (1 - chance), 6)
