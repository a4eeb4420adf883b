"""An archive that answers DICOMweb, in this process on a free port, or without a server."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable, Iterator

import pytest
from pydicom import Dataset

import pacs_dicomweb.plugin
from pacs_framework.testing.instances import make_instance
from pacs_http.testing import WebArchive, open_signal_pipe, serve_http

MakeSeries = Callable[..., list[Dataset]]


@pytest.fixture(scope="session", autouse=True)
def signal_pipe() -> None:
    """What libuv opens once in a process is not left behind by the test that came first."""
    open_signal_pipe()


@pytest.fixture
def web(pacs_archive) -> Iterator[WebArchive]:
    """An empty archive."""
    return serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin})


@pytest.fixture
def make_series() -> MakeSeries:
    """Instances of one series; attributes are those of `make_instance`."""

    def make(count: int, **attributes: object) -> list[Dataset]:
        first = make_instance(**attributes)
        shared = {
            keyword: str(first[keyword].value)
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID")
        }
        others = [
            make_instance(**{**attributes, **shared, "InstanceNumber": number})
            for number in range(2, count + 1)
        ]
        return [first, *others]

    return make


@pytest.fixture
def path_of() -> Callable[..., str]:
    """The path of an instance, or of its series or study."""

    def path(instance: Dataset, level: str = "instance") -> str:
        found = f"/dicom-web/studies/{instance.StudyInstanceUID}"
        if level != "study":
            found += f"/series/{instance.SeriesInstanceUID}"
        if level == "instance":
            found += f"/instances/{instance.SOPInstanceUID}"
        return found

    return path


@pytest.fixture
def parts_of() -> Callable[..., list[tuple[dict[str, str], bytes]]]:
    """The headers and the body of each part of a multipart answer, read by Python's own parser."""

    def parts(answer) -> list[tuple[dict[str, str], bytes]]:
        head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
        message = email.message_from_bytes(head + answer.content, policy=email.policy.compat32)
        assert message.is_multipart()
        return [
            (dict(part.items()), part.get_payload(decode=True)) for part in message.get_payload()
        ]

    return parts
