"""The judge: what the archive gives out, and what its storage holds, against the ledger.

Every acknowledged instance has to come back byte for byte, by C-GET and from the storage. What was
never acknowledged may be there or not, but only as it was sent: half of it is wrong. C-FIND has to
name what C-GET brings, neither more nor less.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bench.client.wire import Refused
from bench.faults.asking import Asker, Given, asking
from bench.faults.ledger import Kept, Ledger, Presence
from bench.faults.load import Address
from bench.faults.processes import HELD, PACS, Nursery

__all__ = ["Verdict", "judge_at_rest", "judge_over_the_wire"]


@dataclass(slots=True)
class Verdict:
    """``lost`` are acknowledged instances, ``wrong`` is everything else that must not be."""

    lost: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        """What another look found."""
        self.lost |= other.lost
        self.wrong += other.wrong


def judge_over_the_wire(address: Address, ledger: Ledger, studies: Iterable[str]) -> Verdict:
    """Ask for every one of ``studies`` as a workstation does. Raises OSError and Refused."""
    verdict = Verdict()
    with asking(address) as asker:
        for study in studies:
            _judge_study(asker, ledger, study, verdict)
    return verdict


def _judge_study(asker: Asker, ledger: Ledger, study: str, verdict: Verdict) -> None:
    expected = ledger.of_study(study)
    found, given = asker.found(study), asker.given(study)
    if any(k.presence is Presence.ALL_OR_NONE for k in expected.values()):
        _judge_deletion(study, expected, given, verdict)
    if len(found) != len(set(found)):
        verdict.wrong.append(f"study {study}: C-FIND names an instance twice")
    if set(found) != set(given.digests):
        differing = set(found) ^ set(given.digests)
        verdict.wrong.append(f"study {study}: C-FIND and C-GET differ in {sorted(differing)}")
    if given.status and found:
        verdict.wrong.append(f"study {study}: C-GET ended with {given.status:04X}H")
    _compare(expected, given, verdict)


def _judge_deletion(study: str, expected: dict[str, Kept], given: Given, verdict: Verdict) -> None:
    """A deletion that was killed: the whole study is there, or nothing of it."""
    doubtful = {uid for uid, kept in expected.items() if kept.presence is Presence.ALL_OR_NONE}
    if given.digests and (missing := doubtful - given.digests.keys()):
        verdict.wrong.append(f"study {study}: {len(missing)} instances of it are deleted, not all")


def _compare(expected: dict[str, Kept], given: Given, verdict: Verdict) -> None:
    for uid, kept in expected.items():
        digest = given.digests.pop(uid, None)
        if digest is None:
            if kept.presence is Presence.MUST:
                verdict.lost.add(uid)
        elif kept.presence is Presence.MUST_NOT:
            verdict.wrong.append(f"{uid}: deleted, and there again")
        elif digest in kept.newest():
            pass
        elif digest in kept.digests:
            verdict.lost.add(uid)  # an older version has taken the place of the acknowledged one
        else:
            verdict.wrong.append(f"{uid}: C-GET gives bytes that nobody sent")
    verdict.wrong += [f"{uid}: nobody sent it" for uid in given.digests]


def judge_at_rest(
    nursery: Nursery, config: str, ledger: Ledger, *, sweeping: bool = False
) -> Verdict:
    """``pacs verify`` on the stopped archive, then every byte of its storage past the archive.

    ``sweeping`` lets ``pacs verify --sweep`` deal with orphans first, as after a power cut.
    """
    verdict = Verdict()
    if sweeping:
        nursery.run(PACS, "verify", "--sweep", "--config", config)
    verified = nursery.run(PACS, "verify", "--config", config, "--json")
    if verified.code:
        told = (verified.output + verified.errors).strip()[-1500:]
        verdict.wrong.append(f"pacs verify: exit code {verified.code}: {told}")
    held = nursery.run(HELD, config)
    if held.code:
        raise Refused(f"the storage cannot be read: {held.errors[-1500:]}")
    _compare_objects(held.output, ledger, verdict)
    return verdict


def _compare_objects(output: str, ledger: Ledger, verdict: Verdict) -> None:
    """An object for each instance that must be there, and none with bytes that nobody sent."""
    seen: dict[str, list[str]] = {}
    for uid, digest in _lines(output):
        seen.setdefault(uid, []).append(digest)
    for uid, digests in seen.items():
        kept = ledger.get(uid)
        if kept is None or kept.presence is Presence.MUST_NOT:
            verdict.wrong.append(f"{uid}: an object of it is stored")
        elif len(digests) > 1:
            verdict.wrong.append(f"{uid}: stored {len(digests)} times")
        elif digests[0] not in kept.newest():
            verdict.wrong.append(f"{uid}: the stored object is not what was acknowledged")
    verdict.lost |= ledger.must() - seen.keys()


def _lines(output: str) -> Iterator[tuple[str, str]]:
    for line in output.splitlines():
        uid, digest = json.loads(line)
        yield uid, digest
