"""The published Python client, unmodified: every call that searches or retrieves."""

from __future__ import annotations

import socket

import pytest

import pacs_codecs_pylibjpeg.plugin
import pacs_dicomweb.plugin
from pacs_framework.testing.instances import make_instance
from pacs_http.testing import serve_http

api = pytest.importorskip("dicomweb_client.api", reason="dicomweb-client is not installed")

_RLE = "1.2.840.10008.1.2.5"


@pytest.fixture
def stored(make_series):
    """A series, of which the last instance is compressed."""
    first, second = make_series(2)
    shared = {k: str(first[k].value) for k in ("StudyInstanceUID", "SeriesInstanceUID")}
    return [first, second, make_instance(transfer_syntax=_RLE, **shared)]


@pytest.fixture
def client(pacs_archive, stored):
    """It sends Host without a port, so the server is told its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    plugins = {"dicomweb": pacs_dicomweb.plugin, "codecs": pacs_codecs_pylibjpeg.plugin}
    web = serve_http(pacs_archive, plugins, http={"port": port, "public_url": url})
    web.running.take_in(*stored)
    made = api.DICOMwebClient(f"{url}/dicom-web")
    yield made
    made._session.close()  # it has no close of its own


def test_it_searches(client, stored) -> None:
    """Studies, series, instances; with filters, fields and pages."""
    assert len(client.search_for_studies(search_filters={"PatientID": "P1"}, fields=["all"])) == 1
    assert client.search_for_studies(search_filters={"PatientID": "nobody"}) == []
    assert len(client.search_for_series(str(stored[0].StudyInstanceUID))) == 1
    assert len(client.search_for_instances(limit=2)) == 2
    assert len(client.search_for_instances(limit=2, offset=2)) == 1


def test_it_retrieves_instances(client, stored) -> None:
    """Whole studies, streamed or not, and single ones in the transfer syntax that it asks for."""
    first, _, compressed = stored
    study, series = str(first.StudyInstanceUID), str(first.SeriesInstanceUID)
    assert len(client.retrieve_study(study)) == 3
    assert len(list(client.iter_study(study))) == 3
    assert len(client.retrieve_series(study, series)) == 3
    found = client.retrieve_instance(study, series, str(first.SOPInstanceUID))
    assert found.PixelData == first.PixelData
    for asked, sent in ((_RLE, _RLE), ("*", _RLE), ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1")):
        found = client.retrieve_instance(
            study,
            series,
            str(compressed.SOPInstanceUID),
            media_types=(("application/dicom", asked),),
        )
        assert found.file_meta.TransferSyntaxUID == sent


def test_it_retrieves_metadata_frames_and_bulk_data(client, stored) -> None:
    """By the references that the metadata give."""
    first, _, compressed = stored
    study, series = str(first.StudyInstanceUID), str(first.SeriesInstanceUID)
    assert len(client.retrieve_study_metadata(study)) == 3
    assert len(client.retrieve_series_metadata(study, series)) == 3
    uid = str(first.SOPInstanceUID)
    metadata = client.retrieve_instance_metadata(study, series, uid)
    pixels = bytes(first.PixelData)
    assert bytes(client.retrieve_instance_frames(study, series, uid, [1])[0]) == pixels
    uri = metadata["7FE00010"]["BulkDataURI"]
    assert bytes(client.retrieve_bulkdata(uri)[0]) == pixels
    (frame,) = client.retrieve_instance_frames(
        study, series, str(compressed.SOPInstanceUID), [1], media_types=("image/*",)
    )
    assert bytes(frame) != bytes(client.retrieve_instance_frames(study, series, uid, [1])[0])
