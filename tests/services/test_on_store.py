"""What plugins answer in ``on_store`` is what the peer sees, and the log names the plugin."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset

from pacs_framework.dicom.status import Status
from pacs_framework.testing.distributions import install_distribution
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served

Store = Callable[[ServedArchive, Dataset], Dataset]

REFUSES = """
    from pacs_framework import hookimpl
    from pacs_framework.archive.incoming import Refusal

    @hookimpl
    def on_store(instance):
        if instance.attributes["StudyDescription"] == "refuse":
            return Refusal(reason="not on a Sunday")
"""
COERCES = """
    from pacs_framework import hookimpl
    from pacs_framework.archive.incoming import Coercion

    @hookimpl
    def on_store(instance):
        if instance.attributes["StudyDescription"] == "coerce":
            dataset = instance.dataset()
            dataset.InstitutionName = "Elsewhere"
            dataset.StudyDescription = "coerced"
            return Coercion(dataset=dataset, reason="house rule")
"""
RAISES = """
    from pacs_framework import hookimpl

    @hookimpl
    def on_store(instance):
        if instance.attributes["StudyDescription"] == "raise":
            raise ValueError(f"secret {instance.attributes['PatientName']}")
"""


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[ServedArchive]:
    plugins = tmp_path / "plugins"
    for name, source in {"refuses": REFUSES, "coerces": COERCES, "raises": RAISES}.items():
        install_distribution(plugins, f"site-{name}", {name: source})
    with served(tmp_path / "archive", plugins=plugins) as running:
        yield running


def log_lines(archive: ServedArchive, plugin: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in archive.log_text().splitlines()]
    return [line for line in lines if line.get("plugin") == plugin]


def test_a_refusal_gives_its_status_and_keeps_nothing(archive: ServedArchive, store: Store) -> None:
    response = store(archive, make_instance(StudyDescription="refuse"))
    assert response.Status == Status.NOT_AUTHORIZED
    assert response.ErrorComment == "not on a Sunday"
    assert archive.objects() == []
    [line] = log_lines(archive, "refuses")
    assert line["reason"] == "not on a Sunday"


def test_a_coercion_is_kept_and_answered_with_b000(archive: ServedArchive, store: Store) -> None:
    instance = make_instance(StudyDescription="coerce")
    response = store(archive, instance)
    assert response.Status == Status.COERCION_OF_DATA_ELEMENTS
    [file] = archive.objects()
    kept = pydicom.dcmread(file)
    assert kept.InstitutionName == "Elsewhere"
    assert kept.StudyDescription == "coerced"
    assert kept.PixelData == instance.PixelData
    assert log_lines(archive, "coerces")


def test_an_exception_is_a_processing_failure_that_names_the_plugin_in_the_log(
    archive: ServedArchive, store: Store
) -> None:
    response = store(archive, make_instance(StudyDescription="raise"))
    assert response.Status == Status.PROCESSING_FAILURE
    assert archive.objects() == []
    [line] = log_lines(archive, "raises")
    assert line["error"] == "ValueError"
    assert "Doe" not in archive.log_text(), "no patient data in the log"


def test_what_no_plugin_minds_is_stored_unchanged(archive: ServedArchive, store: Store) -> None:
    instance = make_instance(StudyDescription="fine")
    assert store(archive, instance).Status == Status.SUCCESS
    [file] = archive.objects()
    kept = pydicom.dcmread(file)
    assert kept == instance
