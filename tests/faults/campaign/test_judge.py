"""The judge finds out: an object that is lost, half, changed, or back from the dead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bench.faults.ledger import Ledger, Presence
from bench.faults.processes import Nursery
from bench.faults.site import Setup, Site

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]

INSTANCES = 8


@pytest.fixture
def site(nursery: Nursery, tmp_path: Path) -> Iterator[Site]:
    """An archive whose objects are files, with some instances, stopped in order."""
    with Site(Setup(storage="files"), tmp_path / "site", nursery, seed=1) as made:
        serving = made.start()
        try:
            with made.load(serving, senders=2, large=False) as load:
                assert load.wait_for(INSTANCES)
            assert serving.stop() == 0
        finally:
            serving.kill()
        yield made


def some_object(site: Site) -> tuple[str, Path]:
    """The UID and the file of an acknowledged instance."""
    uid = min(site.ledger.must())
    [path] = (site.data / "objects").rglob(f"{uid}-*.dcm")
    return uid, path


def test_an_archive_without_a_fault_is_found_to_be_good(site: Site) -> None:
    verdict = site.judged()
    assert (verdict.lost, verdict.wrong) == (set(), [])
    assert len(site.ledger.must()) >= INSTANCES // 2


def test_a_lost_object_is_found_out(site: Site) -> None:
    """By C-GET, by pacs verify, and in the storage."""
    uid, path = some_object(site)
    path.unlink()
    verdict = site.judged()
    assert verdict.lost == {uid}
    assert any("C-FIND and C-GET differ" in each for each in verdict.wrong)
    assert any("pacs verify" in each for each in verdict.wrong)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-2],
        lambda data: data[:-9] + b"x" * 9,
    ],
    ids=["half", "cut", "changed"],
)
def test_bytes_that_nobody_sent_are_found_out(site: Site, damage: Callable[[bytes], bytes]) -> None:
    """Whether the archive gives them out, or refuses to: what was acknowledged is not there."""
    uid, path = some_object(site)
    path.write_bytes(damage(path.read_bytes()))
    verdict = site.judged()
    assert any(each.startswith(f"{uid}: the stored object is not") for each in verdict.wrong)
    given = any(each == f"{uid}: C-GET gives bytes that nobody sent" for each in verdict.wrong)
    assert given or uid in verdict.lost


def test_an_orphan_is_found_out_and_may_be_swept(site: Site) -> None:
    """After a power cut the campaign lets ``pacs verify --sweep`` deal with it first."""
    _, path = some_object(site)
    path.with_name(f"{path.stem[:-1]}{'0' if path.stem[-1] != '0' else '1'}.dcm").write_bytes(
        path.read_bytes()
    )
    assert any("orphan" in each for each in site.judged().wrong)
    verdict = site.judged(sweeping=True)
    assert (verdict.lost, verdict.wrong) == (set(), [])


def test_what_was_deleted_and_is_there_again_is_found_out(site: Site) -> None:
    study = site.ledger.studies()[0]
    site.ledger.deleted(study)
    assert any("deleted, and there again" in each for each in site.judged().wrong)


def test_half_a_deletion_is_found_out(site: Site) -> None:
    uid, path = some_object(site)
    kept = site.ledger.get(uid)
    assert kept is not None
    site.ledger.deleting(kept.study)
    assert site.judged([kept.study]).wrong == []
    path.unlink()
    assert any("are deleted, not all" in each for each in site.judged([kept.study]).wrong)


def test_an_older_version_in_place_of_the_acknowledged_one_is_a_loss() -> None:
    """And a newer one that nobody was told of is none."""
    ledger = Ledger()
    for digest in ("first", "second", "third"):
        ledger.sending("1.2", "1", digest)
        if digest == "second":
            ledger.success("1.2")
    kept = ledger.get("1.2")
    assert kept is not None
    assert kept.newest() == ["second", "third"]
    assert kept.presence is Presence.MUST
