"""The published Python client, unmodified: every call that searches or retrieves."""

from __future__ import annotations

import pytest

import pacs_codecs_pylibjpeg.plugin
import pacs_dicomweb.plugin
from pacs_framework.testing.instances import make_instance
from pacs_http.access.accounts import Accounts
from pacs_http.api import Limit
from pacs_http.testing import serve_http

api = pytest.importorskip("dicomweb_client.api", reason="dicomweb-client is not installed")

create_session = pytest.importorskip("dicomweb_client.session_utils").create_session

_RLE = "1.2.840.10008.1.2.5"


@pytest.fixture
def stored(make_series):
    """A series, of which the last instance is compressed."""
    first, second = make_series(2)
    shared = {k: str(first[k].value) for k in ("StudyInstanceUID", "SeriesInstanceUID")}
    return [first, second, make_instance(transfer_syntax=_RLE, **shared)]


@pytest.fixture
def client(pacs_archive, stored):
    """It sends Host without a port, and finds the references all the same."""
    plugins = {"dicomweb": pacs_dicomweb.plugin, "codecs": pacs_codecs_pylibjpeg.plugin}
    web = serve_http(pacs_archive, plugins)
    web.running.take_in(*stored)
    made = api.DICOMwebClient(f"{web.url}/dicom-web")
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


def test_it_logs_in_by_a_token_and_sees_what_the_token_is_for(stored, pacs_archive) -> None:
    """The client's own way to log in: a session with a header."""
    other = make_instance(PatientID="P2")
    web = serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin}, http={"login": "required"})
    web.running.take_in(*stored, other)
    accounts = Accounts(web.running.archive.tables("http"))
    limits = [Limit(patients=(str(other.PatientID),))]
    token = accounts.create_token("app", ["viewer"], limits=limits)
    with create_session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        session.headers["Host"] = web.url.removeprefix("http://")
        made = api.DICOMwebClient(f"{web.url}/dicom-web", session=session)
        (found,) = made.search_for_studies()
        assert found["0020000D"]["Value"] == [str(other.StudyInstanceUID)]
        assert len(made.retrieve_study(str(other.StudyInstanceUID))) == 1
        with pytest.raises(IOError, match="404"):
            made.retrieve_study(str(stored[0].StudyInstanceUID))
    with create_session() as session:
        session.headers["Host"] = web.url.removeprefix("http://")
        with pytest.raises(IOError, match="401"):
            api.DICOMwebClient(f"{web.url}/dicom-web", session=session).search_for_studies()


def test_it_retrieves_pictures(client, stored) -> None:
    """Rendered, with its own parameters."""
    first, _, compressed = stored
    study, series = str(first.StudyInstanceUID), str(first.SeriesInstanceUID)
    for instance in (first, compressed):
        uid = str(instance.SOPInstanceUID)
        asked = {"viewport": "32,32", "window": "100,200,linear"}
        png = client.retrieve_instance_rendered(
            study, series, uid, media_types=("image/png",), params=asked
        )
        assert png.startswith(b"\x89PNG")
        assert client.retrieve_instance_rendered(study, series, uid).startswith(b"\xff\xd8")
        frame = client.retrieve_instance_frames_rendered(
            study, series, uid, frame_numbers=[1], media_types=("image/png",)
        )
        assert frame.startswith(b"\x89PNG")
