"""A row for each fault: how often it happened, and what it did."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.table import Table

__all__ = ["Row", "as_json", "as_markdown", "as_table"]

_COLUMNS = ("fault", "archive", "times", "acknowledged", "refused", "lost", "wrong", "recovered in")


@dataclass(slots=True, kw_only=True)
class Row:
    """What became of one fault.

    ``times`` is how often it happened, ``acknowledged`` counts answers of SUCCESS, ``refused``
    other answers and ``broken`` ends of associations during the fault. ``lost`` are the UIDs of
    acknowledged instances that are not there byte for byte; ``wrong`` says what else must not
    be. ``recovered`` has seconds for each time; ``not_met`` says which times showed nothing, and
    ``skipped`` why there were none.
    """

    name: str
    title: str
    setup: str
    times: int = 0
    acknowledged: int = 0
    refused: int = 0
    broken: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    recovered: list[float] = field(default_factory=list)
    not_met: list[str] = field(default_factory=list)
    skipped: str = ""
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Nothing was lost, and nothing wrong. What was skipped is neither good nor bad."""
        return not self.lost and not self.wrong

    def cells(self) -> tuple[str, ...]:
        """As the table shows it."""
        if self.skipped:
            return (self.title, self.setup, "skipped: " + self.skipped, "", "", "", "", "")
        return (
            self.title,
            self.setup,
            str(self.times),
            f"{self.acknowledged:,}",
            f"{self.refused:,}" if self.refused else "–",
            str(len(self.lost)),
            str(len(self.wrong)),
            self._recovered(),
        )

    def _recovered(self) -> str:
        """Median and longest."""
        if not self.recovered:
            return "–"
        return f"{statistics.median(self.recovered):.1f} s, at most {max(self.recovered):.1f}"


def _total(rows: Sequence[Row]) -> tuple[str, ...]:
    return (
        "all",
        "",
        f"{sum(row.times for row in rows):,}",
        f"{sum(row.acknowledged for row in rows):,}",
        f"{sum(row.refused for row in rows):,}",
        str(sum(len(row.lost) for row in rows)),
        str(sum(len(row.wrong) for row in rows)),
        "",
    )


def as_table(rows: Sequence[Row]) -> Table:
    """For a terminal."""
    table = Table(*_COLUMNS)
    for row in rows:
        table.add_row(*row.cells(), style=None if row.good else "red")
    table.add_section()
    table.add_row(*_total(rows))
    return table


def as_markdown(rows: Sequence[Row]) -> str:
    """For the documentation."""
    lines = [f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS)]
    lines += [f"| {' | '.join(row.cells())} |" for row in rows]
    lines.append(f"| {' | '.join(_total(rows))} |")
    return "\n".join(lines) + "\n"


def as_json(rows: Sequence[Row], **facts: Any) -> str:
    """Everything."""
    return json.dumps({**facts, "faults": [asdict(row) for row in rows]}, indent=1) + "\n"
