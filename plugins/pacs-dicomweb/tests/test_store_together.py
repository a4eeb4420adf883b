"""Many instances in one request of STOW-RS: kept in batches, each with its own answer."""

from __future__ import annotations

import io
import threading
import weakref

import pytest
from pydicom import Dataset, dcmwrite

import pacs_dicomweb.plugin
from pacs_dicomweb.stow.results import Outcomes
from pacs_framework import hookimpl
from pacs_framework.archive.incoming import IncomingInstance
from pacs_framework.archive.verify import verify
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.status import Status
from pacs_framework.errors import OutOfResources
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_http.testing import WebArchive, serve_http

_STUDIES = "/dicom-web/studies"
_FAILED, _STORED, _OTHER = "00081198", "00081199", "0008119A"
_MANY = 40  # more than two batches
_META = FileMeta(sop_class_uid="1.2", sop_instance_uid="1.2.3", transfer_syntax_uid="1.2.840")


def _file(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def _post(web: WebArchive, *files: bytes):
    head = b"--b\r\nContent-Type: application/dicom\r\n\r\n"
    body = b"".join(head + each + b"\r\n" for each in files) + b"--b--\r\n"
    content_type = 'multipart/related; type="application/dicom"; boundary=b'
    with web.client() as client:
        return client.post(_STUDIES, content=body, headers={"Content-Type": content_type})


def _uids(answered, sequence: str) -> list[str]:
    items = answered.json().get(sequence, {}).get("Value", [])
    return [item["00081155"]["Value"][0] for item in items]


def _uid(instance: Dataset) -> str:
    return str(instance.SOPInstanceUID)


def _kept(web: WebArchive, uid: str) -> bytes:
    with web.running.archive.open_file(uid) as source:
        return source.read()


class GatheringStorage(MemoryStorage):
    """One that says that objects are better put together, as the packs of a file system do."""

    def gathers(self, size: int) -> bool:
        return size > 0


@pytest.fixture
def web(pacs_archive) -> WebArchive:
    """An empty archive on such a storage."""
    plugins = {"dicomweb": pacs_dicomweb.plugin}
    return serve_http(pacs_archive, plugins, storage=GatheringStorage())


@pytest.fixture
def commits(web, monkeypatch) -> list[int]:
    """How many instances each commit of several had."""
    archive = web.running.archive
    together, sizes = archive.commit_together, []

    def told(receptions, check):
        sizes.append(len(receptions))
        return together(receptions, check)

    monkeypatch.setattr(archive, "commit_together", told)
    return sizes


def test_many_are_kept_in_batches_and_told_in_order(web, make_series, commits) -> None:
    """Byte for byte; the last ones do not wait for more."""
    files = {_uid(each): _file(each) for each in make_series(_MANY)}
    answered = _post(web, *files.values())
    assert answered.status_code == 200
    assert _uids(answered, _STORED) == list(files)
    assert commits == [16, 16, 8]
    assert all(_kept(web, uid) == file for uid, file in files.items())
    assert list(verify(web.running.archive)) == []


def test_large_ones_come_in_smaller_batches(web, make_series, commits) -> None:
    """4 MiB are enough for one commit; what is staged to a file is kept by itself."""
    files = [_file(each) for each in make_series(5, PixelData=bytes(900_000))]
    staged = _file(make_instance(PixelData=bytes(3 << 20)))
    answered = _post(web, *files, staged, files[0])
    assert answered.status_code == 200
    assert commits == [5]
    assert len(_uids(answered, _STORED)) == 7


def test_bad_ones_fail_alone(web, make_series, commits) -> None:
    """Whole batches of good ones around one that is cut, one that is none, one without a study."""
    made = make_series(_MANY)
    files = [_file(each) for each in made]
    del made[20].StudyInstanceUID
    files[5], files[17], files[20] = files[5][:-9], b"none at all", _file(made[20])
    answered = _post(web, *files)
    assert answered.status_code == 202
    assert _uids(answered, _FAILED) == [_uid(made[5]), _uid(made[20])]
    assert len(answered.json()[_OTHER]["Value"]) == 1
    bad = {5, 17, 20}
    assert _uids(answered, _STORED) == [_uid(e) for n, e in enumerate(made) if n not in bad]
    assert web.running.archive.lookup.count() == _MANY - len(bad)
    assert sum(commits) == _MANY - 1
    assert list(verify(web.running.archive)) == []


def test_of_two_with_one_uid_the_later_is_the_later(web, make_series) -> None:
    """In one batch, or in the one before: a warning that other content is there already."""
    made = make_series(18)
    files = [_file(each) for each in made]
    other = bytearray(files[1])
    other[-1] ^= 1
    answered = _post(web, *files[:3], bytes(other), *files[3:], bytes(other))
    assert answered.status_code == 202
    stored = answered.json()[_STORED]["Value"]
    warned = [n for n, item in enumerate(stored) if "00081196" in item]
    assert warned == [3, 19]
    assert stored[3]["00081196"]["Value"] == [Status.COERCION_OF_DATA_ELEMENTS]
    assert _kept(web, _uid(made[1])) == files[1]


def test_a_storage_that_fails_over_a_batch_fails_all_of_it(
    web, make_series, monkeypatch, commits
) -> None:
    """And the other batches are kept; what failed may be sent again."""
    storage = web.running.archive.storage
    put = storage.put_together

    def fail_second(objects):
        if len(commits) == 2:
            raise OutOfResources("no room")
        put(objects)

    monkeypatch.setattr(storage, "put_together", fail_second)
    made = make_series(_MANY)
    files = [_file(each) for each in made]
    answered = _post(web, *files)
    assert answered.status_code == 202
    assert _uids(answered, _FAILED) == [_uid(each) for each in made[16:32]]
    assert "no room" in answered.headers["warning"]
    assert list(verify(web.running.archive)) == []
    assert _post(web, *files).status_code == 200
    assert web.running.archive.lookup.count() == _MANY


def test_a_bug_over_a_batch_fails_no_other(web, make_series, monkeypatch) -> None:
    """Whatever is raised: each instance has an answer."""
    together = web.running.archive.commit_together
    turns = iter([True, False, False])

    def fail_first(receptions, check):
        if next(turns):
            raise RuntimeError("a bug")
        return together(receptions, check)

    monkeypatch.setattr(web.running.archive, "commit_together", fail_first)
    made = make_series(_MANY)
    answered = _post(web, *map(_file, made))
    assert answered.status_code == 202
    assert _uids(answered, _FAILED) == [_uid(each) for each in made[:16]]
    assert _uids(answered, _STORED) == [_uid(each) for each in made[16:]]
    assert "a bug" not in answered.headers["warning"]


@pytest.mark.parametrize("is_named", [True, False])
def test_what_failed_holds_no_bytes_until_the_answer(is_named) -> None:
    """A request may have any number of bad parts, and their errors are kept until its end."""
    held = []

    def fail() -> None:
        piece = io.BytesIO(b"as many bytes as a part has")
        held.append(weakref.ref(piece))
        try:
            piece.fileno()
        except OSError as error:
            raise OutOfResources("no room") from error

    outcomes = Outcomes()
    try:
        fail()
    except OutOfResources as error:
        if is_named:
            outcomes.failed(_META, error)
        else:
            outcomes.unnamed(error)
    assert [str(each) for each in outcomes.causes] == ["no room"]
    assert [each() for each in held] == [None]


def test_where_plugins_are_asked_instances_come_side_by_side(pacs_archive, make_series) -> None:
    """One that waits for its plugin does not hold up the others: here for each other, even."""
    barrier = threading.Barrier(4)

    class Together:
        @staticmethod
        @hookimpl
        def on_store(instance: IncomingInstance) -> None:
            barrier.wait(timeout=60)

    plugins = {"dicomweb": pacs_dicomweb.plugin, "together": Together()}
    web = serve_http(pacs_archive, plugins, storage=GatheringStorage())
    answered = _post(web, *map(_file, make_series(4)))
    assert answered.status_code == 200
