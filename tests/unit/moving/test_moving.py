"""Studies are listed in ranges, taken over one by one, tried again, and remembered."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from pynetdicom.sop_class import CTImageStorage, MRImageStorage  # type: ignore[attr-defined]

from pacs_framework.dicom.uids import TRANSFER_SYNTAXES, UNCOMPRESSED
from pacs_framework.moving.contexts import for_get
from pacs_framework.moving.ledger import Entry, Ledger
from pacs_framework.moving.listing import DateRange, found_in_ranges, found_studies
from pacs_framework.moving.mover import Mover
from pacs_framework.moving.old_archive import FoundStudy, OldArchive, Refused, Sent
from pacs_framework.moving.pace import Pace
from pacs_framework.network.router import Router
from pacs_framework.network.service import (
    CommandField,
    DimseService,
    Request,
    SupportedContext,
)

SYNTAXES = frozenset(("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.90"))


class Peer:
    """Has instances by study, dates by study, and a limit of answers."""

    def __init__(self, studies: Mapping[str, list[str]], *, limit: int = 1000) -> None:
        self.has = dict(studies)
        self.dates = {uid: f"202601{number + 1:02}" for number, uid in enumerate(studies)}
        self.limit = limit
        self.asked: list[str] = []
        self.stopped = False

    def studies(self, keys: Mapping[str, str]) -> list[FoundStudy]:
        dates = keys.get("StudyDate", "")
        self.asked.append(dates)
        first, _, last = dates.partition("-")
        found = [
            FoundStudy(uid=uid, date=self.dates[uid], instances=len(self.has[uid]))
            for uid in self.has
            if not dates or first <= self.dates[uid] <= last
        ]
        if len(found) > self.limit:
            raise Refused("too many")
        return found

    def instances(self, study: str) -> dict[str, str]:
        return dict.fromkeys(self.has[study], "")

    def stop(self) -> None:
        self.stopped = True


class Here:
    """What has come, by study."""

    def __init__(self) -> None:
        self.has: dict[str, set[str]] = {}

    def count_of_study(self, study_instance_uid: str) -> int:
        return len(self.has.get(study_instance_uid, ()))

    def present(self, sop_instance_uids: Iterable[str]) -> set[str]:
        return set().union(*self.has.values()) & set(sop_instance_uids)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "state" / "OLD.jsonl") as made:
        yield made


def mover(peer: Peer, here: Here, ledger: Ledger, transfer: Any, **more: Any) -> Mover:
    more = {"delay": 0.0, **more}
    return Mover(peer=cast("OldArchive", peer), here=here, transfer=transfer, ledger=ledger, **more)


def sends(peer: Peer, here: Here) -> Any:
    """A peer that sends all that it has."""

    def transfer(study: FoundStudy) -> Sent:
        here.has.setdefault(study.uid, set()).update(peer.has[study.uid])
        return Sent(status=0, completed=len(peer.has[study.uid]))

    return transfer


# --- listing --------------------------------------------------------------------------------


def test_ranges_come_newest_first_and_leave_no_day_out() -> None:
    slices = list(DateRange.parse("20260101-20260110").slices(4))
    assert list(map(str, slices)) == [
        "20260107-20260110",
        "20260103-20260106",
        "20260101-20260102",
    ]
    assert list(map(str, slices[0].halves())) == ["20260109-20260110", "20260107-20260108"]
    assert DateRange.parse("20260101").halves() == []


@pytest.mark.parametrize("text", ["2026", "20260102-20260101", "20261301-20261302", "a-b", ""])
def test_what_is_no_range_of_dates_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"date|range"):
        DateRange.parse(text)


def test_a_range_with_too_many_answers_is_asked_for_in_halves() -> None:
    """Until the peer tells all; every study once."""
    peer = Peer({f"1.{n}": ["x"] for n in range(8)}, limit=2)
    dates = DateRange.parse("20260101-20260108")
    found = list(found_studies(cast("OldArchive", peer), {}, dates, days=8))
    assert [study.uid for study in found] == [f"1.{n}" for n in range(7, -1, -1)]
    assert peer.asked[:3] == ["20260101-20260108", "20260105-20260108", "20260107-20260108"]


def test_a_day_with_too_many_answers_is_an_error() -> None:
    """Studies would be missing, and nobody would know."""
    peer = Peer({"1.1": ["x"], "1.2": ["y"]}, limit=1)
    peer.dates = dict.fromkeys(peer.has, "20260101")
    dates = DateRange.parse("20260101-20260102")
    with pytest.raises(Refused):
        list(found_studies(cast("OldArchive", peer), {}, dates, days=9))


def test_as_many_answers_as_the_peer_gives_at_most_count_as_broken_off() -> None:
    """It does not say so itself; each range is told with what is in it."""
    peer = Peer({f"1.{n}": ["x"] for n in range(8)})
    dates = DateRange.parse("20260101-20260108")
    old = cast("OldArchive", peer)
    parts = list(found_in_ranges(old, {}, dates, days=8, limit=3))
    assert [(str(part), len(found)) for part, found in parts] == [
        ("20260107-20260108", 2),
        ("20260105-20260106", 2),
        ("20260103-20260104", 2),
        ("20260101-20260102", 2),
    ]
    with pytest.raises(Refused, match="1 answers, and the peer gives 1 at most"):
        list(found_in_ranges(old, {}, dates, days=8, limit=1))
    with pytest.raises(Refused, match="8 answers, and the peer gives 8 at most"):
        list(found_in_ranges(old, {}, None, days=8, limit=8))


# --- taking over ----------------------------------------------------------------------------


def test_studies_come_and_are_remembered(ledger: Ledger, tmp_path: Path) -> None:
    peer, here = Peer({"1.1": ["a", "b"], "1.2": ["c"]}), Here()
    entries = list(mover(peer, here, ledger, sends(peer, here), at_once=2).run(peer.studies({})))
    assert {(e.study, e.done, e.there, e.here) for e in entries} == {
        ("1.1", True, 2, 2),
        ("1.2", True, 1, 1),
    }
    with Ledger(ledger.path) as read:
        assert read.entries == ledger.entries
        assert read.is_done("1.1", 2)
        assert not read.is_done("1.1", 3)  # more came in at the peer since
        assert not read.is_done("1.3", 1)


def test_a_line_that_was_cut_off_is_no_entry(ledger: Ledger) -> None:
    """And does not swallow the one that comes after it."""
    ledger.put(Entry(study="1.1", done=True, there=1, here=1))
    with ledger.path.open("ab") as file:
        file.write(b'{"study": "1.2", "done": tr')
    with Ledger(ledger.path) as read:
        read.put(Entry(study="1.3", done=True, there=1, here=1))
    with Ledger(ledger.path) as read:
        assert sorted(read.entries) == ["1.1", "1.3"]


def test_a_study_that_fails_is_tried_again(ledger: Ledger) -> None:
    peer, here = Peer({"1.1": ["a"]}), Here()
    failures = iter([OSError("gone"), Refused("busy")])

    def transfer(study: FoundStudy) -> Sent:
        for failure in failures:
            raise failure
        return cast("Sent", sends(peer, here)(study))

    (entry,) = mover(peer, here, ledger, transfer, retries=2).run(peer.studies({}))
    assert (entry.done, entry.attempts) == (True, 3)


def test_what_does_not_come_is_named(ledger: Ledger) -> None:
    """Whatever the peer says of it: success, with fewer instances than it has."""
    peer, here = Peer({"1.1": ["a", "b", "c"]}), Here()

    def transfer(study: FoundStudy) -> Sent:
        here.has[study.uid] = {"b"}
        return Sent(status=0, completed=3)

    (entry,) = mover(peer, here, ledger, transfer, retries=1).run(peer.studies({}))
    assert (entry.done, entry.attempts, entry.missing) == (False, 2, ["a", "c"])
    assert entry.differs
    assert "2 instances are not here" in entry.error
    assert not ledger.is_done("1.1", 3)


def test_other_instances_of_the_study_do_not_count_for_those_that_are_missing(
    ledger: Ledger,
) -> None:
    """A scanner sent to the new archive meanwhile: as many as the peer has, but others."""
    peer, here = Peer({"1.1": ["a", "b"]}), Here()
    here.has["1.1"] = {"new"}

    def transfer(study: FoundStudy) -> Sent:
        here.has[study.uid].add("a")
        return Sent(status=0, completed=2)

    (entry,) = mover(peer, here, ledger, transfer, retries=0).run(peer.studies({}))
    assert (entry.done, entry.missing) == (False, ["b"])


def test_a_study_without_instances_is_not_done(ledger: Ledger) -> None:
    peer, here = Peer({"1.1": []}), Here()
    studies = [FoundStudy(uid="1.1", instances=None)]
    (entry,) = mover(peer, here, ledger, sends(peer, here), retries=0).run(studies)
    assert not entry.done
    assert "names no instance" in entry.error


def test_what_is_broken_off_is_not_put_down(ledger: Ledger) -> None:
    """The next call takes the study again, from its beginning."""
    peer, here = Peer({f"1.{n}": ["a"] for n in range(3)}), Here()
    began, stopped = threading.Event(), threading.Event()
    peer.stop = stopped.set  # type: ignore[method-assign]

    def transfer(study: FoundStudy) -> Sent:
        if study.uid == "1.0":
            return cast("Sent", sends(peer, here)(study))
        began.set()
        assert stopped.wait(30)
        raise OSError("aborted")

    run = mover(peer, here, ledger, transfer).run(peer.studies({}))
    assert next(iter(run)).study == "1.0"
    assert began.wait(30)
    run.close()  # type: ignore[attr-defined]
    assert list(ledger.entries) == ["1.0"]


def test_the_rate_puts_the_next_study_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the one before it brought."""
    now = [100.0]
    monkeypatch.setattr("pacs_framework.moving.pace.time.monotonic", lambda: now[0])
    waited: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout or 0.0)
            now[0] += timeout or 0.0
            return False

    stop = Stop()
    pace = Pace(pause=1.0, rate=10.0)
    assert pace.wait(stop)
    pace.took(50)
    assert pace.wait(stop)
    assert pace.wait(stop)
    assert waited == [0.0, 6.0, 1.0]


# --- C-GET ----------------------------------------------------------------------------------


class Storage(DimseService):
    name = "storage"
    commands = frozenset({CommandField.C_STORE})

    def contexts(self) -> Iterable[SupportedContext]:
        return [
            SupportedContext(abstract_syntax=str(uid), transfer_syntaxes=SYNTAXES)
            for uid in (CTImageStorage, MRImageStorage)
        ]

    def serve(self, request: Request) -> None:
        raise NotImplementedError


def test_each_compressed_syntax_has_a_context_of_its_own() -> None:
    """So that the peer sends what it has as it has it; classes that we do not take are left out."""
    contexts = for_get([str(CTImageStorage), "1.2.3"], Router([Storage()]), first_id=3)
    assert [c.context_id for c in contexts] == [3, 5]
    assert {c.abstract_syntax for c in contexts} == {CTImageStorage}
    assert set(contexts[0].transfer_syntaxes) == SYNTAXES & UNCOMPRESSED
    assert contexts[1].transfer_syntaxes == ("1.2.840.10008.1.2.4.90",)
    assert all(c.scp and not c.scu for c in contexts)


def test_no_context_has_more_syntaxes_than_peers_bear(monkeypatch: pytest.MonkeyPatch) -> None:
    """DCMTK ends the connection over more than fifty."""
    many = Storage()
    classes = [str(CTImageStorage), str(MRImageStorage)]
    given = [
        SupportedContext(abstract_syntax=uid, transfer_syntaxes=frozenset(TRANSFER_SYNTAXES))
        for uid in classes
    ]
    monkeypatch.setattr(many, "contexts", lambda: given)
    monkeypatch.setattr("pacs_framework.moving.contexts._MOST", 5)
    contexts = for_get(classes, Router([many]), first_id=3)
    assert len(contexts) == 2
    assert all(0 < len(c.transfer_syntaxes) <= 50 for c in contexts)
    assert contexts[0].transfer_syntaxes[0] in UNCOMPRESSED


def test_unknown_classes_get_those_that_are_common() -> None:
    contexts = for_get([], Router([Storage()]), first_id=3)
    assert {c.abstract_syntax for c in contexts} == {CTImageStorage, MRImageStorage}
