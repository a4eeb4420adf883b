"""Searches: every attribute is a key, by the matching of PS3.4 C.2.2.2, page by page."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from pacs_framework.dicom.matching import MatchingRules
from pacs_non_patient.categories import BY_CATEGORY, MODELS
from pacs_non_patient.searching import find

PROTOCOLS = BY_CATEGORY["hanging-protocols"]


def item(**values: object) -> list[Dataset]:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return [dataset]


@pytest.fixture
def protocols(collection, hanging_protocol, arrived):
    """Four of them, named and made at several times."""
    kept = collection()
    facts = {
        "1.2.1": {"HangingProtocolName": "CHEST", "InstanceCreationDate": "20260101"},
        "1.2.2": {"HangingProtocolName": "CHEST PAIR", "HangingProtocolLevel": "MANUFACTURER"},
        "1.2.3": {
            "HangingProtocolName": "KNIE Ü",
            "InstanceCreationDate": "20260705",
            "InstanceCreationTime": "080000",
            "NumberOfPriorsReferenced": 2,
        },
        "1.2.4": {
            "HangingProtocolDefinitionSequence": item(
                Modality="MG", ProcedureCodeSequence=item(CodeValue="M1", CodeMeaning="Mammo")
            ),
            "HangingProtocolName": "MAMMO",
            "HangingProtocolUserGroupName": "BREAST",
        },
    }
    for uid, values in facts.items():
        kept.put(arrived(hanging_protocol(SOPInstanceUID=uid, **values)))

    def search(rules: MatchingRules | None = None, **keys: object) -> list[str]:
        identifier = Dataset()
        for keyword, value in keys.items():
            setattr(identifier, keyword, value)
        more = (rules,) if rules else ()
        return [str(each.SOPInstanceUID) for each in find(kept, PROTOCOLS, identifier, *more)]

    return search


ALL = ["1.2.1", "1.2.2", "1.2.3", "1.2.4"]


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({}, ALL),
        ({"HangingProtocolName": ""}, ALL),
        ({"HangingProtocolName": "CHEST"}, ALL[:1]),
        ({"HangingProtocolName": "CHEST*"}, ALL[:2]),
        ({"HangingProtocolName": "KNIE ?"}, ["1.2.3"]),
        ({"HangingProtocolName": "KNIE Ü"}, ["1.2.3"]),
        ({"HangingProtocolLevel": "MANUFACTURER"}, ["1.2.2"]),
        ({"NumberOfPriorsReferenced": 2}, ["1.2.3"]),
        ({"NumberOfScreens": 1}, ALL),
        ({"NumberOfScreens": 3}, []),
        ({"HangingProtocolUserGroupName": "BREAST"}, ["1.2.4"]),
        ({"SOPInstanceUID": "1.2.3"}, ["1.2.3"]),
        ({"SOPInstanceUID": ["1.2.4", "1.2.1", "9.9"]}, ["1.2.1", "1.2.4"]),
        ({"SOPInstanceUID": [f"1.3.{n}" for n in range(1000)] + ["1.2.2"]}, ["1.2.2"]),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.39.1"}, []),
        ({"HangingProtocolDefinitionSequence": item(Modality="MG")}, ["1.2.4"]),
        (
            {"HangingProtocolDefinitionSequence": item(ProcedureCodeSequence=item(CodeValue="M1"))},
            ["1.2.4"],
        ),
        ({"HangingProtocolCreator": "Smith*"}, ALL),  # no key of the table, and one all the same
        ({"InstanceCreationDate": "20260101-20260630"}, ["1.2.1"]),
        ({"InstanceCreationDate": "20260601-"}, ["1.2.2", "1.2.3", "1.2.4"]),
    ],
)
def test_what_matches_is_found(protocols, keys, found):
    assert protocols(**keys) == found


def test_ranges_of_date_and_time_are_one_range_of_moments(protocols):
    """PS3.4 Table HH.6-1: 8 o'clock on the 5th is before 10 of that day, and so not within."""
    assert protocols(
        InstanceCreationDate="20260705-20261231", InstanceCreationTime="100000-180000"
    ) == ["1.2.2", "1.2.4"]
    assert protocols(
        InstanceCreationDate="20260704-20260706", InstanceCreationTime="100000-180000"
    ) == ["1.2.3"]


def test_agreed_rules_are_heeded(collection, one_of_each, arrived):
    kept = collection()
    for dataset in one_of_each:
        kept.put(arrived(dataset))
    models = BY_CATEGORY["defined-procedure-protocols"]
    identifier = Dataset()
    identifier.ContentCreatorName = "kathe"
    assert list(find(kept, models, identifier)) == []
    assert len(list(find(kept, models, identifier, MatchingRules(fuzzy_names=True)))) == 1


def test_private_keys_are_passed_over(collection, hanging_protocol, arrived):
    """They are answered empty, with a status that says so."""
    kept = collection()
    kept.put(arrived(hanging_protocol()))
    identifier = Dataset()
    identifier.private_block(0x0099, "SOMEBODY", create=True).add_new(1, "LO", "value")
    assert len(list(find(kept, PROTOCOLS, identifier))) == 1


def test_more_than_a_page_is_found_in_order(collection, hanging_protocol, arrived):
    kept = collection()
    uids = sorted(f"1.5.{number}" for number in range(1, 121))
    for uid in uids:
        kept.put(arrived(hanging_protocol(SOPInstanceUID=uid)))
    assert [str(each.SOPInstanceUID) for each in find(kept, PROTOCOLS, Dataset())] == uids


def test_each_model_finds_its_own(collection, one_of_each, arrived):
    kept = collection()
    for dataset in one_of_each:
        kept.put(arrived(dataset))
    for dataset in one_of_each:
        (model,) = (each for each in MODELS if str(dataset.SOPClassUID) in each.storage)
        (found,) = find(kept, [model], Dataset())
        assert found.SOPInstanceUID == dataset.SOPInstanceUID


def test_approvals_are_found_by_the_protocol_that_they_approve(collection, one_of_each, arrived):
    """What most searches of them are for (PS3.4 II.6.1.2)."""
    kept = collection()
    for dataset in one_of_each:
        kept.put(arrived(dataset))
    protocol = next(each for each in one_of_each if "ProtocolName" in each)
    identifier = Dataset()
    identifier.ApprovalSubjectSequence = item(ReferencedSOPInstanceUID=str(protocol.SOPInstanceUID))
    (found,) = find(kept, BY_CATEGORY["protocol-approvals"], identifier)
    assert found.ApprovalSequence[0].AssertionCodeSequence[0].CodeMeaning == "Approved for use"
    identifier.ApprovalSubjectSequence = item(ReferencedSOPInstanceUID="1.2.3")
    assert list(find(kept, BY_CATEGORY["protocol-approvals"], identifier)) == []
