"""By HTTP, where pacs-dicomweb is there: stored, searched, retrieved (PS3.18 chapter 12)."""

from __future__ import annotations

import base64
import email
import email.policy
import io
import json
from xml.etree import ElementTree as ET

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian

import pacs_dicomweb.plugin
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.testing.instances import make_instance
from pacs_http.access.accounts import Accounts
from pacs_http.testing import open_routes, open_signal_pipe, serve_http
from pacs_non_patient import plugin
from pacs_non_patient.categories import BY_CATEGORY, BY_CLASS
from pacs_non_patient.collection import Collection
from pacs_non_patient.received import received
from pacs_non_patient.tables import NAME

EXPLICIT = "1.2.840.10008.1.2.1"
DICOM, JSON = {"Content-Type": "application/dicom"}, "application/dicom+json"
ROOT = "/dicom-web"
PROTOCOLS = ROOT + "/hanging-protocols"


@pytest.fixture(scope="session", autouse=True)
def signal_pipe() -> None:
    """What libuv opens once in a process is not left behind by the test that came first."""
    open_signal_pipe()


@pytest.fixture
def site(pacs_archive):
    """Runs an archive with its web services."""

    def run(own=None, **more):
        tree = {**more.pop("settings", {}), **({"plugin": {NAME: own}} if own else {})}
        plugins = {"dicomweb": pacs_dicomweb.plugin, NAME: plugin}
        return serve_http(pacs_archive, plugins, settings=tree, **more)

    return run


@pytest.fixture
def web(site):
    """An empty one."""
    return site()


@pytest.fixture
def client(web):
    """Its client."""
    with web.client() as client:
        yield client


def file_of(dataset: Dataset, syntax: str = EXPLICIT) -> bytes:
    return make_prefix(meta_of(dataset, syntax)) + encode_identifier(dataset, syntax)


def meta_of(dataset: Dataset, syntax: str = EXPLICIT):
    from pacs_framework.dicom.file_meta import FileMeta  # noqa: PLC0415

    return FileMeta(
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        transfer_syntax_uid=syntax,
    )


def place_of(dataset: Dataset) -> str:
    return f"{ROOT}/{BY_CLASS[str(dataset.SOPClassUID)].category}"


def keep(web, *datasets: Dataset) -> None:
    """Put them in, not by HTTP."""
    collection = Collection.of(web.running.archive)
    for each in datasets:
        collection.put(received(meta_of(each), encode_identifier(each, EXPLICIT)))


def multipart(parts: list[bytes], part_type: str) -> tuple[bytes, dict[str, str]]:
    head = f"--BB\r\nContent-Type: {part_type}\r\n\r\n".encode()
    body = b"".join(head + part + b"\r\n" for part in parts) + b"--BB--"
    return body, {"Content-Type": f'multipart/related; type="{part_type}"; boundary=BB'}


def parts_of(answer) -> list[bytes]:
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + answer.content, policy=email.policy.HTTP)
    return [part.get_payload(decode=True) for part in message.iter_parts()]


def names(answer) -> list[str]:
    return [each["00720002"]["Value"][0] for each in answer.json()]


# --- store --------------------------------------------------------------------------------------


def test_each_kind_is_stored_under_its_own_address(client, one_of_each):
    for dataset in one_of_each:
        place, uid = place_of(dataset), str(dataset.SOPInstanceUID)
        answer = client.post(place, content=file_of(dataset), headers=DICOM)
        assert answer.status_code == 200, answer.text
        (stored,) = answer.json()["00081199"]["Value"]
        assert stored["00081155"]["Value"] == [uid]
        url = stored["00081190"]["Value"][0]
        got = client.get(url, headers={"Accept": "application/dicom"})
        assert got.content[got.content.index(b"DICM") :].endswith(
            encode_identifier(dataset, EXPLICIT)
        )
        assert dcmread(io.BytesIO(got.content)).SOPInstanceUID == uid


def test_several_files_are_stored_at_once_and_told_one_by_one(client, hanging_protocol):
    """One that is broken does not keep the others out: 200, with what became of each."""
    good = [hanging_protocol(), hanging_protocol()]
    broken = file_of(hanging_protocol())[:-3]
    body, headers = multipart([file_of(good[0]), broken, file_of(good[1])], "application/dicom")
    answer = client.post(PROTOCOLS, content=body, headers=headers)
    assert answer.status_code == 200
    assert len(answer.json()["00081199"]["Value"]) == 2
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081197"]["Value"] == [0xC000]
    assert len(client.get(PROTOCOLS).json()) == 2


@pytest.mark.parametrize("wrapped", [True, False])
def test_dicom_json_is_stored_with_its_binary_values(client, palettes, wrapped):
    """Alone or in a part; what comes back in JSON is what was sent."""
    document = json.dumps([json.loads(palettes[0].to_json(bulk_data_threshold=1 << 20))]).encode()
    body, headers = multipart([document], JSON) if wrapped else (document, {"Content-Type": JSON})
    place = ROOT + "/color-palettes"
    assert client.post(place, content=body, headers=headers).status_code == 200
    (got,) = client.get(f"{place}/{palettes[0].SOPInstanceUID}").json()
    assert base64.b64decode(got["00281201"]["InlineBinary"]) == bytes(
        palettes[0].RedPaletteColorLookupTableData
    )
    assert got["00700080"]["Value"] == [palettes[0].ContentLabel]


def test_xml_is_stored_and_answered(client, web, hanging_protocol):
    """As it is retrieved, it can be stored again."""
    dataset = hanging_protocol()
    keep(web, dataset)
    accept = {"Accept": 'multipart/related; type="application/dicom+xml"'}
    path = f"{PROTOCOLS}/{dataset.SOPInstanceUID}"
    (document,) = parts_of(client.get(path, headers=accept))
    root = ET.fromstring(document)
    assert root.tag.endswith("NativeDicomModel")
    Collection.of(web.running.archive).delete(str(dataset.SOPInstanceUID))
    body, headers = multipart([document], "application/dicom+xml")
    assert client.post(PROTOCOLS, content=body, headers={**headers, **accept}).status_code == 200
    assert client.get(path).json()[0]["00720002"]["Value"] == ["CHEST"]


def test_a_request_for_one_instance_takes_no_other(client, hanging_protocol):
    dataset = hanging_protocol()
    wrong = client.post(f"{PROTOCOLS}/1.2.3", content=file_of(dataset), headers=DICOM)
    assert wrong.status_code == 409
    assert wrong.headers["content-type"] == "application/problem+json"
    assert "another one than the address names" in wrong.json()["detail"]
    path = f"{PROTOCOLS}/{dataset.SOPInstanceUID}"
    assert client.post(path, content=file_of(dataset), headers=DICOM).status_code == 200


def refused(answer, status: int, code: str | None, text: str) -> None:
    """Problem details, with each reason."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert text in answer.json()["detail"]
    if code is not None:
        assert [each["code"] for each in answer.json()["failures"]] == [code]


def test_what_cannot_be_kept_is_a_problem(site, client, palettes, hanging_protocol):
    dataset = hanging_protocol()
    file, patient = file_of(dataset), make_instance(SOPClassUID=CTImageStorage)
    post = lambda content, **headers: client.post(  # noqa: E731 - six times the same
        PROTOCOLS, content=content, headers={**DICOM, **headers}
    )
    refused(post(file_of(palettes[0])), 409, "A900", "is none of the hanging-protocols")
    refused(post(file_of(patient)), 409, "A900", "is none of the hanging-protocols")
    refused(post(file[:-3]), 400, "C000", "nothing is stored")
    refused(post(b"no file"), 400, "C000", "no DICOM file")
    refused(post(b""), 400, None, "")
    assert client.get(PROTOCOLS).status_code == 204
    json_text = {"Content-Type": JSON}
    assert client.post(PROTOCOLS, content=b"{", headers=json_text).status_code == 400
    assert client.post(PROTOCOLS, content=b"[]", headers=json_text).status_code == 400
    assert post(file, **{"Content-Type": "text/plain"}).status_code == 415
    assert post(file, **{"Content-Encoding": "gzip"}).status_code == 415
    assert client.post(f"{PROTOCOLS}/1.x", content=file, headers=DICOM).status_code == 400
    with site({"max_size": 500}).client() as small:
        answer = small.post(PROTOCOLS, content=file, headers=DICOM)
        refused(answer, 413, "A700", "larger than 500 bytes")


@pytest.mark.parametrize(
    ("policy", "status", "kept"),
    [("ignore", 200, "CHEST"), ("replace", 200, "OTHER"), ("reject", 409, "CHEST")],
)
def test_duplicates_are_as_the_archive_has_them(site, hanging_protocol, policy, status, kept):
    first = hanging_protocol()
    second = hanging_protocol(SOPInstanceUID=first.SOPInstanceUID, HangingProtocolName="OTHER")
    with site(settings={"archive": {"duplicates": policy}}).client() as client:
        for _ in range(2):
            assert client.post(PROTOCOLS, content=file_of(first), headers=DICOM).status_code == 200
        answer = client.post(PROTOCOLS, content=file_of(second), headers=DICOM)
        assert answer.status_code == status
        assert names(client.get(PROTOCOLS)) == [kept]
        if policy == "ignore":
            (item,) = answer.json()["00081199"]["Value"]
            assert item["00081196"]["Value"] == [0xB000]


# --- search -------------------------------------------------------------------------------------


def test_a_search_returns_what_its_model_has(web, client, one_of_each):
    keep(web, *one_of_each)
    for dataset in one_of_each:
        (found,) = client.get(place_of(dataset)).json()
        model = BY_CLASS[str(dataset.SOPClassUID)]
        assert found["00080018"]["Value"] == [dataset.SOPInstanceUID]
        (definition,) = [each for each in found.values() if each["vr"] == "SQ"][:1] or [None]
        if model.name == "Hanging Protocol":
            assert definition["Value"][0]["00080060"]["Value"] == ["CR"]
            assert "00720020" not in found  # Image Sets Sequence: not of the model


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("HangingProtocolName=CHEST", ["CHEST"]),
        ("HangingProtocolName=CHEST*", ["CHEST", "CHEST PAIR"]),
        ("00720002=CHEST", ["CHEST"]),
        ("HangingProtocolDefinitionSequence.Modality=MG", ["MAMMO"]),
        ("SOPInstanceUID=1.2.3,1.2.1", ["CHEST", "MAMMO"]),
        ("limit=1", ["CHEST"]),
        ("offset=1", ["CHEST PAIR", "MAMMO"]),
        ("offset=1&limit=1", ["CHEST PAIR"]),
    ],
)
def test_keys_limits_and_offsets(web, client, hanging_protocol, query, found):
    definition = Dataset()
    definition.Modality = "MG"
    keep(
        web,
        hanging_protocol(SOPInstanceUID="1.2.1"),
        hanging_protocol(SOPInstanceUID="1.2.2", HangingProtocolName="CHEST PAIR"),
        hanging_protocol(
            SOPInstanceUID="1.2.3",
            HangingProtocolName="MAMMO",
            HangingProtocolDefinitionSequence=[definition],
        ),
    )
    answer = client.get(f"{PROTOCOLS}?{query}")
    assert names(answer) == found
    assert ("additional results" in answer.headers.get("warning", "")) is ("limit" in query)


def test_a_search_says_what_it_cannot(web, client, hanging_protocol):
    keep(web, hanging_protocol())
    assert client.get(f"{PROTOCOLS}?HangingProtocolName=NONE").status_code == 204
    assert client.get(f"{PROTOCOLS}?Nonsense=1").status_code == 400
    assert client.get(PROTOCOLS, headers={"Accept": "image/png"}).status_code == 406
    assert client.get(ROOT + "/wallpapers").status_code == 404


def test_all_of_it_is_returned_where_that_is_asked_for(web, client, hanging_protocol):
    keep(web, hanging_protocol())
    (found,) = client.get(f"{PROTOCOLS}?includefield=all").json()
    assert "00720020" in found
    (found,) = client.get(f"{PROTOCOLS}?includefield=PartialDataDisplayHandling").json()
    assert "00720208" in found
    accept = {"Accept": 'multipart/related; type="application/dicom+xml"'}
    assert len(parts_of(client.get(PROTOCOLS, headers=accept))) == 1


# --- retrieve -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", JSON),
        (JSON, JSON),
        ("application/json", JSON),
        ("application/dicom", f"application/dicom; transfer-syntax={EXPLICIT}"),
        ('multipart/related; type="application/dicom"', "multipart/related"),
        ('multipart/related; type="application/dicom+xml"', "multipart/related"),
        (
            f"application/dicom;q=0.5, {JSON};q=0.1",
            f"application/dicom; transfer-syntax={EXPLICIT}",
        ),
    ],
)
def test_an_instance_comes_as_it_is_accepted(web, client, hanging_protocol, accept, media_type):
    dataset = hanging_protocol()
    keep(web, dataset)
    answer = client.get(f"{PROTOCOLS}/{dataset.SOPInstanceUID}", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(media_type)
    if answer.headers["content-type"].startswith("multipart") and "+xml" not in accept:
        (file,) = parts_of(answer)
        assert dcmread(io.BytesIO(file)).HangingProtocolName == "CHEST"


def test_a_transfer_syntax_can_be_asked_for(web, client, hanging_protocol):
    dataset = hanging_protocol()
    data = encode_identifier(dataset, ImplicitVRLittleEndian)
    Collection.of(web.running.archive).put(received(meta_of(dataset, ImplicitVRLittleEndian), data))
    path = f"{PROTOCOLS}/{dataset.SOPInstanceUID}"
    for syntax, expected in (
        ("*", data),
        (ImplicitVRLittleEndian, data),
        (EXPLICIT, encode_identifier(dataset, EXPLICIT)),
    ):
        accept = {"Accept": f"application/dicom; transfer-syntax={syntax}"}
        assert client.get(path, headers=accept).content.endswith(expected)
    jpeg = {"Accept": "application/dicom; transfer-syntax=1.2.3"}
    assert client.get(path, headers=jpeg).status_code == 406


def test_what_is_not_there_or_of_another_category_is_404(web, client, palettes):
    keep(web, palettes[0])
    assert client.get(f"{PROTOCOLS}/1.2.3").status_code == 404
    assert client.get(f"{PROTOCOLS}/{palettes[0].SOPInstanceUID}").status_code == 404
    assert client.get(f"{PROTOCOLS}/none").status_code == 400


def test_a_client_that_has_it_gets_nothing_again(site, hanging_protocol):
    web = site(settings={"archive": {"duplicates": "replace"}})
    dataset = hanging_protocol()
    keep(web, dataset)
    path = f"{PROTOCOLS}/{dataset.SOPInstanceUID}"
    with web.client() as client:
        etag = client.get(path).headers["etag"]
        assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
        as_file = {"If-None-Match": etag, "Accept": "application/dicom"}
        assert client.get(path, headers=as_file).status_code == 200
        keep(web, hanging_protocol(SOPInstanceUID=dataset.SOPInstanceUID, NumberOfScreens=2))
        assert client.get(path, headers={"If-None-Match": etag}).status_code == 200


# --- who may, and what is told ------------------------------------------------------------------


def test_capabilities_name_every_resource(client):
    answer = client.request("OPTIONS", ROOT, headers={"Accept": "application/json"})
    told = {
        each["path"]: [method["name"] for method in each["methods"]]
        for each in answer.json()["application"]["resources"]["resource"]
    }
    for category in BY_CATEGORY:
        assert told[category] == ["GET", "POST"]
        assert told[f"{category}/{{uid}}"] == ["GET", "POST"]


def test_nothing_is_answered_without_a_login(site):
    web = site(http={"login": "required"})
    assert [name for name in open_routes(web) if "/dicom-web" in name] == []


def test_who_may_see_a_part_sees_no_inventory_and_changes_nothing(site, one_of_each):
    """An inventory lists patients; all else is of none, and is shown to everybody who may read."""
    roles = {"ct": {"allow": ["read", "search", "write"], "modalities": ["CT"]}}
    web = site(http={"login": "required", "roles": roles})
    keep(web, *one_of_each)
    token = Accounts(web.running.archive.tables("http")).create_token("limited", ["ct"])
    protocol, inventory = one_of_each[0], one_of_each[-1]
    with web.client(headers={"Authorization": f"Bearer {token}"}) as client:
        assert len(client.get(PROTOCOLS).json()) == 1
        assert client.get(f"{PROTOCOLS}/{protocol.SOPInstanceUID}").status_code == 200
        assert client.post(PROTOCOLS, content=file_of(protocol), headers=DICOM).status_code == 403
        for path in ("", f"/{inventory.SOPInstanceUID}"):
            assert client.get(f"{ROOT}/inventories{path}").status_code == 403


def test_without_a_plugin_there_are_no_such_resources(pacs_archive):
    web = serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin})
    with web.client() as client:
        assert client.get(PROTOCOLS).status_code == 404
