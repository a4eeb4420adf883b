"""STOW-RS over HTTP: what is stored, refused and answered (PS3.18 10.5)."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import pydicom.data
import pytest
from dicomweb_client import DICOMwebClient
from pydicom import Dataset, dcmread, dcmwrite

import pacs_dicomweb.plugin
from pacs_dicomweb.model.xml_writing import xml_document
from pacs_framework import hookimpl
from pacs_framework.archive.incoming import Coercion, IncomingInstance, Refusal
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.dicom.status import Status
from pacs_framework.errors import OutOfResources
from pacs_framework.testing.instances import make_instance
from pacs_http.api import Limit, Scope, StudyFacts
from pacs_http.testing import answer, make_request, serve_http

_FILES = Path(pydicom.data.__file__).parent / "test_files"
_STUDIES = "/dicom-web/studies"
_METADATA = "Content-Type: application/dicom+json"
_FAILED, _STORED, _OTHER = "00081198", "00081199", "0008119A"
_EXPLICIT, _JPEG_LOSSLESS = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.70"


def _file(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def _multipart(*parts: tuple[str, bytes], part_type: str = "application/dicom") -> dict:
    """Content and headers for `httpx`; a part is its header lines and its body."""
    body = b"".join(
        b"--b\r\n"
        + "".join(f"{line}\r\n" for line in head.split("\n")).encode()
        + b"\r\n"
        + data
        + b"\r\n"
        for head, data in parts
    )
    content_type = f'multipart/related; type="{part_type}"; boundary=b'
    return {"content": body + b"--b--\r\n", "headers": {"Content-Type": content_type}}


def _files(*files: bytes) -> dict:
    return _multipart(*(("Content-Type: application/dicom", each) for each in files))


def _values(answer, sequence: str, tag: str) -> list:
    items = answer.json().get(sequence, {}).get("Value", [])
    return [item[tag]["Value"][0] for item in items]


def _kept(web, instance: Dataset) -> bytes:
    with web.running.archive.open_file(str(instance.SOPInstanceUID)) as source:
        return source.read()


def test_instances_are_kept_byte_for_byte(web, make_series, path_of) -> None:
    """200, each with the address where it is had, the whole with that of its study."""
    made = make_series(5)
    files = [_file(each) for each in made]
    with web.client() as client:
        answered = client.post(_STUDIES, **_files(*files))
        assert answered.status_code == 200, answered.text
        assert answered.headers["content-type"] == "application/dicom+json"
        urls = _values(answered, _STORED, "00081190")
        assert urls == [web.url + path_of(each) for each in made]
        assert answered.json()["00081190"]["Value"] == [web.url + path_of(made[0], "study")]
        got = client.get(urls[0], headers={"Accept": "application/dicom; transfer-syntax=*"})
        assert got.content == files[0]
    assert [_kept(web, each) for each in made] == files


def test_pydicoms_files_go_in_and_come_out_byte_for_byte(web) -> None:
    """All that are instances, in one request; what is none is told and stops nothing."""
    files: dict[str, bytes] = {}
    for path in sorted(_FILES.glob("*.dcm")):
        data = path.read_bytes()
        try:
            found = read_prefix(data)
        except Exception:  # noqa: BLE001 - some are damaged on purpose
            continue
        files.setdefault(found.meta.sop_instance_uid, data)
    with web.client() as client:
        answered = client.post(_STUDIES, **_files(*files.values()))
        stored = _values(answered, _STORED, "00081155")
        failed = _values(answered, _FAILED, "00081155")
        assert sorted(stored + failed) == sorted(files)
        assert len(stored) > 30
        for url, uid in zip(_values(answered, _STORED, "00081190"), stored, strict=True):
            got = client.get(url, headers={"Accept": "application/dicom; transfer-syntax=*"})
            data = files[uid]
            assert got.content.endswith(data[read_prefix(data).dataset_offset :]), uid


def test_meta_information_may_be_long(web) -> None:
    """Longer than what is read of a file at first."""
    made = make_instance()
    made.file_meta.PrivateInformationCreatorUID = "1.2.3"
    made.file_meta.PrivateInformation = bytes(100_000)
    with web.client() as client:
        answered = client.post(_STUDIES, **_files(_file(made)))
    assert answered.status_code == 200, answered.text
    assert _kept(web, made) == _file(made)


def test_dicomweb_client_stores(web, make_series) -> None:
    """Its call as it is, to all studies and to one."""
    made = make_series(2)
    client = DICOMwebClient(web.url + "/dicom-web")
    answered = client.store_instances(made[:1])
    assert "FailedSOPSequence" not in answered
    client.store_instances(made[1:], study_instance_uid=str(made[0].StudyInstanceUID))
    found = client.search_for_instances(str(made[0].StudyInstanceUID))
    assert len(found) == 2


def test_a_single_file_needs_no_multipart(web) -> None:
    """``application/dicom`` as the whole body."""
    instance = make_instance()
    headers = {"Content-Type": "application/dicom"}
    with web.client() as client:
        assert client.post(_STUDIES, content=_file(instance), headers=headers).status_code == 200
    assert _kept(web, instance) == _file(instance)


def test_the_answer_is_xml_where_that_is_accepted(web) -> None:
    """Native DICOM XML; and 406 before anything is stored where neither is."""
    sent = _files(_file(make_instance()))
    with web.client() as client:
        headers = {**sent["headers"], "Accept": "application/dicom+xml"}
        answered = client.post(_STUDIES, content=sent["content"], headers=headers)
        assert answered.headers["content-type"] == "application/dicom+xml"
        assert b'keyword="ReferencedSOPSequence"' in answered.content
        headers["Accept"] = "image/png"
        other = _files(_file(make_instance()))
        assert client.post(_STUDIES, content=other["content"], headers=headers).status_code == 406
        assert len(client.get("/dicom-web/instances").json()) == 1


def test_an_instance_of_another_study_is_refused_alone(web, make_series) -> None:
    """A900H for it, 202 for the request; 409 where none was stored."""
    mine, other = make_instance(), make_instance()
    path = f"{_STUDIES}/{mine.StudyInstanceUID}"
    with web.client() as client:
        answered = client.post(path, **_files(_file(mine), _file(other)))
        assert answered.status_code == 202
        assert _values(answered, _STORED, "00081155") == [str(mine.SOPInstanceUID)]
        assert _values(answered, _FAILED, "00081155") == [str(other.SOPInstanceUID)]
        reasons = _values(answered, _FAILED, "00081197")
        assert reasons == [Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS]
        assert "another study" in answered.headers["warning"]
        assert client.post(path, **_files(_file(other))).status_code == 409


class _Rules:
    """A plugin that refuses one modality and changes another."""

    @staticmethod
    @hookimpl
    def on_store(instance: IncomingInstance) -> Refusal | Coercion | None:
        if instance.attributes["Modality"] == "OT":
            return Refusal(reason="no such modality here")
        if instance.attributes["Modality"] == "MR":
            dataset = instance.dataset()
            dataset.StudyDescription = "changed"
            return Coercion(dataset=dataset)
        return None


def test_plugins_decide_as_for_c_store(pacs_archive) -> None:
    """A refusal is 0124H and 409, a coercion B000H and 202, and both are told by instance."""
    web = serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin, "rules": _Rules()})
    with web.client() as client:
        refused = client.post(_STUDIES, **_files(_file(make_instance(Modality="OT"))))
        assert refused.status_code == 409
        assert _values(refused, _FAILED, "00081197") == [Status.NOT_AUTHORIZED]
        changed = client.post(_STUDIES, **_files(_file(make_instance(Modality="MR"))))
        assert changed.status_code == 202
        assert _values(changed, _STORED, "00081196") == [Status.COERCION_OF_DATA_ELEMENTS]


def test_a_storage_without_room_is_507_and_may_be_tried_again(web, monkeypatch) -> None:
    """With what became of each instance in the body: no conflict in what was sent."""

    def full(*_: object, **__: object) -> None:
        raise OutOfResources("no room")

    monkeypatch.setattr(web.running.archive.storage, "begin", full)
    with web.client() as client:
        answered = client.post(_STUDIES, **_files(_file(make_instance())))
    assert answered.status_code == 507
    assert _values(answered, _FAILED, "00081197") == [Status.OUT_OF_RESOURCES]


def test_who_may_store_one_patient_stores_no_other(web) -> None:
    """A limited scope is asked for each instance."""

    def nothing(_kind: str, _names: object, _within: object) -> tuple[StudyFacts, ...]:
        return ()

    scope = Scope((Limit(patients=("P1",)),), facts_of=nothing)
    mine, other = make_instance(PatientID="P1"), make_instance(PatientID="P2")
    sent = _files(_file(mine), _file(other))
    request = make_request(
        "POST", _STUDIES, headers=sent["headers"], body=sent["content"], scope=scope
    )
    (route, *_) = [
        each
        for each in pacs_dicomweb.plugin.http_routes(
            web.running.archive, pacs_dicomweb.plugin.config_models()()
        )
        if each.method == "POST" and each.path == _STUDIES
    ]
    status, _, body = answer(route, request)
    told = json.loads(body)
    assert status == 202
    assert len(told[_STORED]["Value"]) == 1
    assert told[_FAILED]["Value"][0]["00081197"]["Value"] == [Status.NOT_AUTHORIZED]
    assert route.scoped


# --- metadata and bulk data ---------------------------------------------------------------------


def _described(instance: Dataset, uri: str) -> dict:
    value = instance.to_json_dict(bulk_data_threshold=1 << 30)
    value["7FE00010"] = {"vr": "OW", "BulkDataURI": uri}
    return value


@pytest.mark.parametrize("form", ["json", "xml"])
def test_metadata_and_bulk_data_become_the_instance(web, form) -> None:
    """In JSON and XML, with text beyond ASCII and long private values in sequences and outside."""
    instance = make_instance(PatientName="Müller^Jörg", SpecificCharacterSet="ISO_IR 100")
    instance.PixelData = random.Random(1).randbytes(len(instance.PixelData))
    block = instance.private_block(0x7FE1, "LAW", create=True)
    block.add_new(1, "OB", bytes(100_000))
    block.add_new(2, "LO", "behind it: ü")
    value = _described(instance, "bulk/1")
    value["7FE11001"] = {"vr": "OB", "BulkDataURI": "bulk/2"}
    if form == "json":
        head, document = "Content-Type: application/dicom+json", json.dumps([value]).encode()
    else:
        head, document = "Content-Type: application/dicom+xml", xml_document(value)
    parts = (
        (head, document),
        ("Content-Type: application/octet-stream\nContent-Location: bulk/1", instance.PixelData),
        ("Content-Type: application/octet-stream\nContent-Location: bulk/2", bytes(100_000)),
    )
    with web.client() as client:
        sent = _multipart(*parts, part_type=f"application/dicom+{form}")
        answered = client.post(_STUDIES, **sent)
    assert answered.status_code == 200, answered.text
    kept = dcmread(io.BytesIO(_kept(web, instance)))
    assert kept.file_meta.TransferSyntaxUID == _EXPLICIT
    instance.SpecificCharacterSet = "ISO_IR 192"
    assert kept.to_json_dict() == instance.to_json_dict()


def _encapsulated_frames() -> tuple[Dataset, list[bytes]]:
    instance = make_instance(transfer_syntax=_JPEG_LOSSLESS)
    instance.NumberOfFrames = 3
    return instance, [b"\xff\xd8" + bytes([n]) * (10 + n) + b"\xff\xd9" for n in range(3)]


def test_compressed_bulk_data_are_encapsulated_frame_by_frame(web) -> None:
    """One part for each frame under one Content-Location; their syntax becomes that of the file."""
    instance, frames = _encapsulated_frames()
    head = f"Content-Type: image/jpeg; transfer-syntax={_JPEG_LOSSLESS}\nContent-Location: /p"
    parts = [(_METADATA, json.dumps([_described(instance, "/p")]).encode())]
    parts += [(head, frame) for frame in frames]
    with web.client() as client:
        answered = client.post(_STUDIES, **_multipart(*parts, part_type="application/dicom+json"))
        assert answered.status_code == 200, answered.text
        less = _multipart(*parts[:-1], part_type="application/dicom+json")
        assert client.post(_STUDIES, **less).status_code == 409
    kept = dcmread(io.BytesIO(_kept(web, instance)))
    assert kept.file_meta.TransferSyntaxUID == _JPEG_LOSSLESS
    found = list(pydicom.encaps.generate_frames(kept.PixelData, number_of_frames=3))
    assert [each[: len(frame)] for each, frame in zip(found, frames, strict=True)] == frames


def test_what_does_not_belong_together_is_told(web) -> None:
    """A reference without bulk data is a failure, bulk data without a reference too."""
    instance = make_instance()
    metadata = (_METADATA, json.dumps([_described(instance, "/a")]).encode())
    stray = ("Content-Type: application/octet-stream\nContent-Location: /b", b"1234")
    with web.client() as client:
        answered = client.post(
            _STUDIES, **_multipart(metadata, stray, part_type="application/dicom+json")
        )
        assert answered.status_code == 409
        assert _values(answered, _FAILED, "00081197") == [Status.CANNOT_UNDERSTAND]
        assert len(answered.json()[_OTHER]["Value"]) == 1
        broken = _multipart((_METADATA, b"{"), part_type="application/dicom+json")
        assert client.post(_STUDIES, **broken).status_code == 400


# --- bad input ----------------------------------------------------------------------------------


def test_a_part_that_is_cut_is_never_stored(web, make_series) -> None:
    """What was whole before it is, and 202 says so; 400 where nothing was."""
    first, second = make_series(2)
    sent = _files(_file(first), _file(second))
    for cut in (100, 400, len(sent["content"]) - len(_file(second)) // 2, len(sent["content"]) - 6):
        with web.client() as client:
            answered = client.post(_STUDIES, content=sent["content"][:cut], headers=sent["headers"])
            found = client.get("/dicom-web/instances")
        if cut < 1000:
            assert (answered.status_code, found.status_code) == (400, 204), cut
            assert answered.headers["content-type"] == "application/problem+json"
        else:
            assert answered.status_code == 202, cut
            assert len(answered.json()[_OTHER]["Value"]) == 1
            assert len(found.json()) == 1


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("multipart/related; type=application/dicom", 400),
        (f"multipart/related; type=application/dicom; boundary={'b' * 201}", 400),
        ("multipart/related; type=application/dicom; boundary=other", 400),
        ('multipart/related; type="image/png"; boundary=b', 415),
        ("multipart/form-data; boundary=b", 415),
        ("text/plain", 415),
        ("", 415),
    ],
)
def test_a_wrong_content_type_stores_nothing(web, content_type, status) -> None:
    """400 or 415, and the connection can still be used."""
    with web.client() as client:
        sent = _files(_file(make_instance()))["content"]
        answered = client.post(_STUDIES, content=sent, headers={"Content-Type": content_type})
        assert answered.status_code == status
        assert client.get("/dicom-web/instances").status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b--\r\n",
        b"--b\r\n",
        b"--b\r\nno header\r\n\r\n\r\n--b--",
        b"--b\r\nA: " + bytes([65]) * (1 << 15) + b"\r\n\r\n\r\n--b--",
        b"--b\r\nContent-Type: \x00\r\n\r\n\r\n--b--",
        b"preamble" * (1 << 14) + b"\r\n--b\r\n\r\n\r\n--b--",
        b"--b\n\nContent\n--b--",
    ],
)
def test_what_is_no_multipart_is_400(web, body) -> None:
    """With a problem, in bounded memory."""
    headers = {"Content-Type": "multipart/related; type=application/dicom; boundary=b"}
    with web.client() as client:
        answered = client.post(_STUDIES, content=body, headers=headers)
    assert answered.status_code == 400
    assert answered.json()["detail"]


def test_parts_that_are_no_instances_are_told_one_by_one(web) -> None:
    """Those between them are stored all the same."""
    instance = make_instance()
    sent = _multipart(
        ("Content-Type: application/dicom", b"no file at all"),
        ("Content-Type: text/html", _file(make_instance())),
        ("Content-Type: application/dicom\nContent-Transfer-Encoding: base64", b"AAAA"),
        ("X-Other: 1", _file(instance)),
        ("Content-Type: application/dicom", b""),
        ("Content-Type: application/dicom", _file(make_instance())[:700]),
    )
    with web.client() as client:
        answered = client.post(_STUDIES, **sent)
    assert answered.status_code == 202
    assert _values(answered, _STORED, "00081155") == [str(instance.SOPInstanceUID)]
    told = answered.json()
    named = len(told.get(_FAILED, {}).get("Value", []))
    assert len(told[_OTHER]["Value"]) + named == 5


def test_the_same_instance_twice_in_one_request_is_one(web) -> None:
    """The second is what was there already: SUCCESS."""
    data = _file(make_instance())
    with web.client() as client:
        answered = client.post(_STUDIES, **_files(data, data, data))
        assert answered.status_code == 200
        assert len(client.get("/dicom-web/instances").json()) == 1


def test_other_content_under_a_uid_is_a_warning(web) -> None:
    """As C-STORE has it: what was there first stays, B000H tells."""
    first = make_instance()
    data = bytearray(_file(first))
    data[-1] ^= 1
    with web.client() as client:
        answered = client.post(_STUDIES, **_files(_file(first), bytes(data)))
    assert answered.status_code == 202
    second = answered.json()[_STORED]["Value"][1]
    assert second["00081196"]["Value"] == [Status.COERCION_OF_DATA_ELEMENTS]
    assert _kept(web, first) == _file(first)


def test_a_body_over_the_limit_is_413(pacs_archive) -> None:
    """And nothing is half-stored."""
    web = serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin}, http={"max_body": 2000})
    with web.client() as client:
        answered = client.post(_STUDIES, **_files(_file(make_instance()), bytes(5000)))
        assert answered.status_code == 413
        assert client.get("/dicom-web/instances").status_code == 204
