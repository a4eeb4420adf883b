"""Rules at the door: the first that fits decides, and what cannot be done is refused."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pydicom import Dataset

from pacs_anonymize.on_store import fits, judge
from pacs_anonymize.settings import StoreRule
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.registry import AnonymizerRegistry
from pacs_framework.archive.incoming import Coercion, IncomingInstance, Origin, Refusal
from pacs_framework.dicom.status import Status
from pacs_framework.errors import NotAnonymized, UnreadableInstance
from pacs_framework.testing.instances import make_instance

CT = "1.2.840.10008.5.1.4.1.1.2"


class Named(Anonymizer):
    """Writes its name into what it gives."""

    def __init__(self, name: str) -> None:
        self.description = self.name = name

    def anonymize(self, dataset: Dataset) -> Dataset:
        dataset.PatientName = self.name
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = "by hand"
        return dataset


class Refusing(Anonymizer):
    description = "takes nothing"

    def anonymize(self, dataset: Dataset) -> Dataset:
        raise NotAnonymized("(0010,0010) is of a kind that nobody knows")


class Broken(Anonymizer):
    description = "fails"

    def anonymize(self, dataset: Dataset) -> Dataset:
        raise ValueError(str(dataset.PatientName))


@pytest.fixture
def archive() -> SimpleNamespace:
    registry = AnonymizerRegistry()
    named = {name: Named(name) for name in ("one", "two")}
    registry.add({**named, "refusing": Refusing(), "broken": Broken()}, plugin="test")
    return SimpleNamespace(anonymizers=registry)


def load() -> Dataset:
    dataset = make_instance()
    del dataset.PixelData
    return dataset


def incoming(load_dataset=load, origin=None, **attributes: str) -> IncomingInstance:
    return IncomingInstance(
        origin=origin or Origin(door="dimse", calling_aet="CT1", called_aet="RESEARCH"),
        sop_class_uid=CT,
        sop_instance_uid="1.2.3",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        size=1,
        attributes={"Modality": "CT", "StationName": "SCANNER 3", **attributes},
        load_dataset=load_dataset,
    )


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ({}, True),
        ({"calling_aet": "CT?"}, True),
        ({"calling_aet": "MR*"}, False),
        ({"called_aet": "RESEARCH"}, True),
        ({"called_aet": "research"}, False),
        ({"modality": "[CM]T"}, True),
        ({"station_name": "*3"}, True),
        ({"sop_class": CT}, True),
        ({"sop_class": "CTImageStorage"}, True),
        ({"sop_class": "*Image*"}, True),
        ({"sop_class": "*SecondaryCapture*"}, False),
        ({"calling_aet": "CT1", "modality": "CT"}, True),
        ({"calling_aet": "CT1", "modality": "MR"}, False),
    ],
)
def test_every_pattern_of_a_rule_must_fit(patterns: dict[str, str], expected: bool) -> None:
    assert fits(StoreRule(anonymizer="one", **patterns), incoming()) is expected


def test_a_pattern_for_the_sender_fits_no_import() -> None:
    instance = incoming(origin=Origin(door="import"))
    assert not fits(StoreRule(anonymizer="one", calling_aet="*1"), instance)
    assert fits(StoreRule(anonymizer="one"), instance)


def test_the_first_rule_that_fits_decides(archive: SimpleNamespace) -> None:
    rules = [
        StoreRule(anonymizer="refusing", modality="MR"),
        StoreRule(anonymizer="two"),
        StoreRule(anonymizer="one"),
    ]
    answer = judge(incoming(), archive, rules)
    assert isinstance(answer, Coercion)
    assert answer.anonymous
    assert answer.dataset.PatientName == "two"
    assert answer.reason == "de-identified by two"
    assert judge(incoming(), archive, rules[:1]) is None


@pytest.mark.parametrize("name", ["refusing", "broken", "missing"])
def test_what_cannot_be_de_identified_is_refused(archive: SimpleNamespace, name: str) -> None:
    """By an answer: an exception would count against the plugin, and in the end stop everybody."""
    answer = judge(incoming(), archive, [StoreRule(anonymizer=name)])
    assert isinstance(answer, Refusal)
    assert answer.status == Status.PROCESSING_FAILURE
    assert "Doe" not in answer.reason


def test_what_cannot_be_read_is_refused(archive: SimpleNamespace) -> None:
    def broken() -> Dataset:
        raise UnreadableInstance("the header cannot be decoded")

    answer = judge(incoming(broken), archive, [StoreRule(anonymizer="one")])
    assert isinstance(answer, Refusal)
    assert answer.status == Status.PROCESSING_FAILURE
