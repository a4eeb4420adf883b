"""What a row of the bench is."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.client.process import ClientProcess
from bench.client.tasks import Sample
from bench.peers import Peer

__all__ = ["Bench", "Measured", "NotMeasured", "Row"]


_QUICK_SECONDS = 180


class NotMeasured(Exception):
    """This peer has no figure in this row; the message says why."""


@dataclass
class Bench:
    """What rows have at hand. ``run`` is different in each run, for UIDs."""

    client: ClientProcess
    quick: bool
    run: str
    scratch: Path
    say: Callable[[str], None] = print
    started: float = field(default_factory=time.monotonic)
    _numbers: dict[str, int] = field(default_factory=dict)

    def repeats_of(self, row: Row) -> int:
        """Samples to take of each peer; one only when a quick run has used up most of its time."""
        if not self.quick:
            return row.repeats
        late = time.monotonic() - self.started > _QUICK_SECONDS
        return 1 if late else row.quick_repeats

    def unique(self, label: str) -> str:
        """A seed for UIDs that no other sample of any run has."""
        self._numbers[label] = self._numbers.get(label, 0) + 1
        return f"{self.run}-{label}-{self._numbers[label]}"


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure in the unit of its row; ``client_share`` is the client's CPU over wall time."""

    value: float
    client_share: float = 0.0
    note: str = ""

    @classmethod
    def rate(cls, sample: Sample, *, note: str = "") -> Measured:
        """Things a second."""
        share = sample.client_cpu / sample.seconds
        return cls(sample.count / sample.seconds, share, note)

    @classmethod
    def seconds(cls, sample: Sample, *, note: str = "") -> Measured:
        """Wall time."""
        return cls(sample.seconds, sample.client_cpu / sample.seconds, note)


class Row(ABC):
    """One line of a table: measured for each of ``peers``, some times over.

    ``fresh``: the peer is started anew in an empty folder for each sample, else once for all rows
    of its family. ``patience``: another peer whose sample takes more seconds gives only one.
    A quick run takes the row where ``in_quick``, without the peers ``not_in_quick``.
    """

    name: str
    title: str
    unit: str
    higher_is_better: bool = False
    table: str = "peers"
    peers: tuple[str, ...]
    in_quick: bool = True
    not_in_quick: tuple[str, ...] = ()
    fresh: bool = False
    spawns: bool = True
    repeats: int = 7
    quick_repeats: int = 3
    patience: float = 30.0
    quick_patience: float = 3.0

    def adjust(self, peer: Peer) -> None:
        """Before a peer starts: a setting that this row needs, and says so in its note."""

    def prepare(self, bench: Bench, peer: Peer) -> None:
        """Before the first sample after a start; not timed. ``peer.state`` keeps notes."""

    @abstractmethod
    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """One sample. Raises NotMeasured, or ClientFailed when the peer fails."""
