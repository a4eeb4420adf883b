"""The rules as decisions, and the plugin in a real archive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
from pacs_framework.archive.archive import Archive
from pacs_framework.archive.incoming import Coercion, IncomingInstance, Refusal
from pacs_framework.dicom.status import Status
from pacs_framework.errors import RefusedByPolicy
from pacs_framework.index.database import Database, open_database
from pacs_framework.plugins import PluginSet
from pacs_framework.testing.arrivals import ORIGIN, encoded, mr_image, send
from pacs_framework.testing.memory_storage import MemoryStorage
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


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(f"sqlite:///{tmp_path / 'index.sqlite'}")) as opened:
        yield opened


def archive_with(settings: Settings, database: Database, folder: Path) -> Archive:
    """An archive that asks this plugin; its objects are kept in memory."""
    plugins = PluginSet.with_local({NAME: plugin}, {NAME: settings})
    return Archive(
        database=database, storage=MemoryStorage(), data=folder, on_store=plugins.decide_store
    )


def test_a_refused_instance_is_not_in_the_archive(database: Database, tmp_path: Path) -> None:
    with closing(archive_with(Settings(), database, tmp_path)) as archive:
        with pytest.raises(RefusedByPolicy, match="lacks PatientID") as caught:
            send(archive, encoded(mr_image(PatientID="")))
        assert caught.value.status == Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS
        assert archive.lookup.instance("1.2.3.4.1") is None


def test_a_coerced_instance_is_stored_with_what_was_filled_in(
    database: Database, tmp_path: Path
) -> None:
    settings = Settings(institution="St. Elsewhere")
    with closing(archive_with(settings, database, tmp_path)) as archive:
        sent = mr_image()
        outcome = send(archive, encoded(sent))
        assert outcome.status == Status.COERCION_OF_DATA_ELEMENTS
        with archive.open_file(sent.SOPInstanceUID) as file:
            stored = dcmread(BytesIO(file.read()))
    assert stored.InstitutionName == "St. Elsewhere"
    assert stored.PixelData == sent.PixelData
