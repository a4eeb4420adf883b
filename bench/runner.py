"""Measures rows: starts their peers, alternates between them, and gathers samples."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console

from bench.client import tasks
from bench.client.process import ClientFailed
from bench.peers import Destinations, Peer
from bench.results import OURS, Column, Result
from bench.rows.base import Bench, Measured, NotMeasured, Row

__all__ = ["Runner"]

_FAILURES = (ClientFailed, NotMeasured, ValueError, OSError)


class Runner:
    """Runs rows on the peers that are installed and chosen."""

    def __init__(self, bench: Bench, destinations: Destinations, console: Console) -> None:
        self._bench = bench
        self._destinations = destinations
        self._console = console

    def run(
        self, rows: Sequence[Row], kinds: Mapping[str, type[Peer]], chosen: Collection[str] = ()
    ) -> Iterator[Result]:
        """Measure ``rows`` on those of ``kinds`` that they name; ``chosen`` narrows further."""
        wanted = {name for row in rows for name in self._peers_of(row)}
        peers = {
            name: kind(self._bench.scratch, self._destinations)
            for name, kind in kinds.items()
            if name in wanted and (not chosen or name in chosen) and not kind.missing()
        }
        for row in rows:
            for peer in peers.values():
                row.adjust(peer)
        steady = any(not row.fresh for row in rows)
        with self._running(peers if steady else {}) as alive:
            for row in rows:
                mine = peers if row.fresh else alive
                yield self._row(row, {n: mine[n] for n in self._peers_of(row) if n in mine})

    def _peers_of(self, row: Row) -> tuple[str, ...]:
        left_out = row.not_in_quick if self._bench.quick else ()
        return tuple(name for name in row.peers if name not in left_out)

    @contextmanager
    def _running(self, peers: Mapping[str, Peer]) -> Iterator[dict[str, Peer]]:
        """The peers that came up, stopped at the end."""
        try:
            yield {name: peer for name, peer in peers.items() if self._starts(peer)}
        finally:
            for peer in peers.values():
                peer.stop()

    def _starts(self, peer: Peer) -> bool:
        try:
            self._bring_up(peer)
        except _FAILURES as failure:
            said = peer.log_tail()
            self._console.print(f"[red]{peer.title} did not start[/]: {failure}\n{said}")
            peer.stop()
            return False
        return True

    def _bring_up(self, peer: Peer) -> None:
        peer.spawn()
        if peer.associations:
            self._bench.client.run(tasks.first_association, peer.address)
        if peer.http_port:
            self._bench.client.run(tasks.first_connection, peer.http_port)

    def _row(self, row: Row, peers: Mapping[str, Peer]) -> Result:
        result = Result(
            name=row.name,
            title=row.title,
            unit=row.unit,
            higher_is_better=row.higher_is_better,
            table=row.table,
            columns={name: Column() for name in peers},
        )
        shares: dict[str, list[float]] = {name: [] for name in peers}
        left = dict.fromkeys(peers, self._bench.repeats_of(row))
        turn = 0
        while any(left.values()):
            for name in _order(list(peers), turn):
                if left[name]:
                    left[name] -= 1
                    self._sample(row, peers[name], result.columns[name], shares[name], left)
            turn += 1
        for name, column in result.columns.items():
            column.client_share = sum(shares[name]) / len(shares[name]) if shares[name] else 0.0
        return result

    def _sample(
        self, row: Row, peer: Peer, column: Column, shares: list[float], left: dict[str, int]
    ) -> None:
        """One sample; a peer that fails has no further turns, a slow one neither."""
        try:
            measured, seconds = self._measured(row, peer)
        except _FAILURES as failure:
            left[peer.name] = 0
            column.note = str(failure)
            if not isinstance(failure, NotMeasured):
                column.note = f"failed: {failure}"
                self._console.print(f"[red]{row.name} {peer.name}[/]: {failure}")
            return
        column.samples.append(measured.value)
        shares.append(measured.client_share)
        column.note = measured.note
        self._say(row, peer, measured, len(column.samples))
        patience = row.quick_patience if self._bench.quick else row.patience
        if seconds > patience and peer.name != OURS:
            left[peer.name] = 0

    def _measured(self, row: Row, peer: Peer) -> tuple[Measured, float]:
        """A sample, and the seconds that the taking of it took."""
        try:
            if row.fresh and row.spawns:
                self._bring_up(peer)
            row.prepare(self._bench, peer)
            # What others have left unwritten must not be written in the time of this sample.
            os.sync()
            start = time.perf_counter()
            return row.measure(self._bench, peer), time.perf_counter() - start
        finally:
            if row.fresh:
                peer.stop()

    def _say(self, row: Row, peer: Peer, measured: Measured, number: int) -> None:
        share = measured.client_share
        busy = f"  (client {share:.0%})" if share else ""
        figure = f"{measured.value:>10,.2f} {row.unit}"
        self._bench.say(f"{row.name:<20} {peer.name:<14} #{number}  {figure}{busy}")


def _order(names: list[str], turn: int) -> list[str]:
    """Another one begins each time, and every second time they go backwards."""
    if not names:
        return names
    start = turn % len(names)
    turned = names[start:] + names[:start]
    return turned[::-1] if turn % 2 else turned
