"""What a run has measured, and the JSON file it is kept in."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

__all__ = ["OURS", "Column", "Result", "Run"]

OURS = "ours"
"""The column that ratios are of."""

_FORMAT = 1


@dataclass(slots=True)
class Column:
    """The samples of one peer in one row; ``note`` says what is special, or why there are none."""

    samples: list[float] = field(default_factory=list)
    note: str = ""
    client_share: float = 0.0
    """CPU of the client over wall time, in the median: near 1 the client would be the limit."""

    @property
    def median(self) -> float | None:
        """The middle sample; None without any."""
        return statistics.median(self.samples) if self.samples else None

    @property
    def spread(self) -> float | None:
        """The interquartile range over the median; None for fewer than three samples."""
        if len(self.samples) < 3 or not self.median:
            return None
        low, _, high = statistics.quantiles(self.samples, n=4, method="inclusive")
        return (high - low) / self.median


@dataclass(slots=True)
class Result:
    """One row: what was measured, in which unit, for each peer."""

    name: str
    title: str
    unit: str
    higher_is_better: bool
    table: str = "peers"
    columns: dict[str, Column] = field(default_factory=dict)

    def ratio(self, peer: str, *, ours: str = OURS) -> float | None:
        """How many times better we are than ``peer``: above 1 is better, whatever the unit."""
        mine, theirs = (self.columns.get(name, Column()).median for name in (ours, peer))
        if not mine or not theirs:
            return None
        return mine / theirs if self.higher_is_better else theirs / mine


@dataclass(slots=True)
class Run:
    """A whole run: machine, peers with version and settings, rows."""

    started: str
    quick: bool
    machine: dict[str, Any]
    peers: dict[str, dict[str, str]]
    missing: dict[str, str]
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0

    def result(self, name: str) -> Result | None:
        """The row called ``name``."""
        return next((result for result in self.results if result.name == name), None)

    def columns(self, table: str) -> list[str]:
        """The peers that a table has samples of, in the order of the run."""
        used = {n for r in self.of(table) for n, column in r.columns.items() if column.samples}
        return [name for name in self.peers if name in used]

    def of(self, table: str) -> Iterable[Result]:
        """The rows of one table."""
        return [result for result in self.results if result.table == table]

    def save(self, path: Path) -> None:
        """Write everything, samples included."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"format": _FORMAT, **asdict(self)}, indent=1)
        path.write_text(text + "\n", "utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote. Raises ValueError for another format."""
        document = json.loads(path.read_text("utf-8"))
        if document.pop("format", None) != _FORMAT:
            raise ValueError(f"{path} is not a result file of this version of the bench")
        document["results"] = [
            Result(**{**r, "columns": {n: Column(**c) for n, c in r["columns"].items()}})
            for r in document["results"]
        ]
        return cls(**document)
