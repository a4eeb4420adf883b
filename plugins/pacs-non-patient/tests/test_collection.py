"""The collection on both engines: kept as it came, once, and as the policy says."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pacs_framework.dicom.status import Status
from pacs_framework.errors import DuplicateInstance
from pacs_framework.index.entry import DuplicatePolicy
from pacs_non_patient.categories import BY_CLASS

CLASSES = frozenset(BY_CLASS)


def test_what_is_kept_comes_back_byte_for_byte(collection, one_of_each, arrived):
    kept = collection()
    for dataset in one_of_each:
        new = arrived(dataset)
        assert kept.put(new, "MODALITY").status == Status.SUCCESS
        found = kept.open(new.sop_instance_uid)
        assert found.dataset == new.dataset
        assert found.facts.digest == new.digest
        assert found.facts.size == len(new.dataset)
        assert (found.facts.sop_class_uid, found.facts.source_aet) == (
            new.sop_class_uid,
            "MODALITY",
        )


def test_an_instance_is_there_for_its_own_classes_alone(collection, one_of_each, arrived):
    kept = collection()
    for dataset in one_of_each:
        kept.put(arrived(dataset))
    for dataset in one_of_each:
        uid, own = str(dataset.SOPInstanceUID), {str(dataset.SOPClassUID)}
        assert kept.open(uid, own) is not None
        assert kept.open(uid, CLASSES - own) is None
        assert [each.sop_instance_uid for each in kept.located([uid, "1.2.3"], own)] == [uid]
        assert kept.located([uid], CLASSES - own) == []


def test_the_very_same_again_is_a_success(collection, hanging_protocol, arrived):
    new = arrived(hanging_protocol())
    for policy in DuplicatePolicy:
        kept = collection(policy)
        assert kept.put(new).status == Status.SUCCESS
        assert kept.put(new).comment == ""


@pytest.mark.parametrize("policy", list(DuplicatePolicy))
def test_other_content_under_a_uid_is_what_the_policy_says(
    collection, hanging_protocol, arrived, policy
):
    kept = collection(policy)
    first = hanging_protocol()
    second = hanging_protocol(SOPInstanceUID=first.SOPInstanceUID, HangingProtocolName="OTHER")
    kept.put(arrived(first))
    if policy is DuplicatePolicy.REJECT:
        with pytest.raises(DuplicateInstance, match="exists"):
            kept.put(arrived(second))
    else:
        ignored = policy is DuplicatePolicy.IGNORE
        outcome = kept.put(arrived(second))
        assert outcome.status == (Status.COERCION_OF_DATA_ELEMENTS if ignored else Status.SUCCESS)
        assert bool(outcome.comment) is ignored
    there = second if policy is DuplicatePolicy.REPLACE else first
    assert kept.open(str(first.SOPInstanceUID)).dataset == arrived(there).dataset
    ((_, attributes),) = kept.page(CLASSES, "", 10)
    assert attributes == arrived(there).attributes


def test_a_uid_in_use_for_another_class_is_other_content(
    collection, hanging_protocol, palettes, arrived
):
    kept = collection(DuplicatePolicy.REJECT)
    kept.put(arrived(palettes[0]))
    with pytest.raises(DuplicateInstance):
        kept.put(arrived(hanging_protocol(SOPInstanceUID=palettes[0].SOPInstanceUID)))


def test_sixteen_at_once_make_one(collection, hanging_protocol, arrived):
    """Of one content all succeed; of several, one content is there whole."""
    kept = collection()
    first = hanging_protocol()
    versions = [
        arrived(hanging_protocol(SOPInstanceUID=first.SOPInstanceUID, HangingProtocolName=name))
        for name in "AB"
    ]
    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(kept.put, versions * 8))
    found = kept.open(str(first.SOPInstanceUID))
    assert found.dataset in [each.dataset for each in versions]
    assert len(kept.page(CLASSES, "", 10)) == 1
    assert sum(each.status == Status.SUCCESS for each in outcomes) == 8


def test_a_deleted_one_is_gone_once(collection, hanging_protocol, arrived):
    kept = collection()
    new = arrived(hanging_protocol())
    kept.put(new)
    assert kept.delete(new.sop_instance_uid)
    assert not kept.delete(new.sop_instance_uid)
    assert kept.open(new.sop_instance_uid) is None


def test_pages_follow_each_other_without_gaps(collection, hanging_protocol, arrived):
    kept = collection()
    uids = sorted(f"1.2.3.{number}" for number in range(1, 31))
    for uid in uids:
        kept.put(arrived(hanging_protocol(SOPInstanceUID=uid)))
    found, last = [], ""
    while page := kept.page(CLASSES, last, 7):
        found += [facts.sop_instance_uid for facts, _ in page]
        last = found[-1]
    assert found == uids
    assert [each.sop_instance_uid for each in kept.located(uids * 2, CLASSES)] == uids
    assert kept.page(CLASSES, "1.2.3.5", 1)[0][0].sop_instance_uid == "1.2.3.6"


@pytest.mark.parametrize(("size", "together"), [(1 << 20, True), ((1 << 20) + 1, False)])
def test_large_instances_take_turns(
    collection, hanging_protocol, arrived, monkeypatch, size, together
):
    """Each takes many times its size while it is looked at; small ones wait for nobody."""
    kept, new = collection(), arrived(hanging_protocol())
    within, met = [], threading.Event()

    def look(_meta, _dataset):
        within.append(None)
        if len(within) > 1:
            met.set()
        met.wait(30 if together else 0.2)
        within.pop()
        return new

    monkeypatch.setattr("pacs_non_patient.collection.received", look)
    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(kept.take_in, None, bytes(size)) for _ in range(2)]
    assert [each.result().status for each in done] == [Status.SUCCESS] * 2
    assert met.is_set() is together
