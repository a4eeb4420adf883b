"""The rules as decisions, and the plugin in a real archive."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from pacs_framework.archive.incoming import Coercion, IncomingInstance, Refusal
from pacs_framework.conformance.records import Remark
from pacs_framework.dicom.status import Status
from pacs_framework.errors import RefusedByPolicy
from pacs_framework.plugins import PluginSet
from pacs_framework.testing.arrivals import ORIGIN, mr_image
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import Instances
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian

from pacs_samplename import plugin
from pacs_samplename.rules import judge
from pacs_samplename.settings import Settings

NAME = "samplename"


def arriving(dataset: Dataset) -> IncomingInstance:
    return IncomingInstance(
        origin=ORIGIN,
        sop_class_uid=dataset.SOPClassUID,
        sop_instance_uid=dataset.SOPInstanceUID,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        size=1000,
        attributes={},
        load_dataset=lambda: Dataset(dataset),
    )


def test_an_instance_that_has_everything_is_kept_as_it_came() -> None:
    assert judge(arriving(mr_image()), Settings()) is None


@pytest.mark.parametrize("patient_id", ["", None])
def test_an_instance_without_a_required_value_is_refused(patient_id: str | None) -> None:
    answer = judge(arriving(mr_image(PatientID=patient_id)), Settings())
    assert answer == Refusal(
        reason="lacks PatientID", status=Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS
    )


def test_the_institution_is_filled_in_where_there_is_none() -> None:
    settings = Settings(institution="St. Elsewhere")
    answer = judge(arriving(mr_image()), settings)
    assert isinstance(answer, Coercion)
    assert answer.dataset.InstitutionName == "St. Elsewhere"
    assert judge(arriving(mr_image(InstitutionName="Here")), settings) is None


def test_without_a_rule_nobody_is_asked() -> None:
    plugins = PluginSet.with_local({NAME: plugin})
    assert plugins.decides_on_store
    plugins.bind_settings({NAME: Settings(required=())})
    assert not plugins.decides_on_store


def test_a_refused_instance_is_not_in_the_archive(
    pacs_archive: Archives, pacs_instances: Instances
) -> None:
    running = pacs_archive({NAME: plugin})
    sent = pacs_instances(PatientID="")
    with pytest.raises(RefusedByPolicy, match="lacks PatientID") as caught:
        running.take_in(sent)
    assert caught.value.status == Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS
    assert running.archive.lookup.instance(sent.SOPInstanceUID) is None


def test_a_coerced_instance_is_stored_with_what_was_filled_in(
    pacs_archive: Archives, pacs_instances: Instances
) -> None:
    settings = {"plugin": {NAME: {"institution": "St. Elsewhere"}}}
    running = pacs_archive({NAME: plugin}, settings=settings)
    sent = pacs_instances()
    [outcome] = running.take_in(sent)
    assert outcome.status == Status.COERCION_OF_DATA_ELEMENTS
    with running.archive.open_file(sent.SOPInstanceUID) as file:
        stored = dcmread(BytesIO(file.read()))
    assert stored.InstitutionName == "St. Elsewhere"
    assert stored.PixelData == sent.PixelData


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ["An instance without a value of PatientID is refused with A900H."]),
        ({"required": ()}, []),
        ({"required": (), "institution": "St. Elsewhere"}, ["An instance without Institution"]),
    ],
)
def test_the_conformance_statement_says_what_is_configured(
    changed: dict[str, Any], said: list[str]
) -> None:
    remarks = plugin.conformance(Settings(**changed))
    texts = [remark.text for remark in remarks if isinstance(remark, Remark)]
    assert len(texts) == len(said)
    assert all(text.startswith(start) for text, start in zip(texts, said, strict=True))
