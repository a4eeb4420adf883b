"""Requests made from the OpenAPI document, right and wrong ones, to an archive with every plugin.

Schemathesis makes them; whatever it thinks of, the answer is one that the document names, in a
media type and of a schema that it names, and never a failure of the server.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from pydicom import Dataset

from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
checks = pytest.importorskip("schemathesis.specs.openapi.checks")

_EXAMPLES = 6
_SECONDS = 30
_BOUNDED = settings(
    max_examples=_EXAMPLES,
    deadline=None,
    database=None,
    derandomize=False,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
_CONFORMANCE = (
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.status_code_conformance,
)
_NOT_IMPLEMENTED = 501


# Bodies that are no JSON: what was made up goes out as it is, which is as wrong as it can be.
@schemathesis.serializer("multipart/related", "application/dicom", "application/dicom+xml")
def _octets(_context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def _document(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/openapi.json", timeout=_SECONDS) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _of(instance: Dataset) -> dict[str, str]:
    """What path parameters are called, with those of a stored instance."""
    return {
        "study": str(instance.StudyInstanceUID),
        "series": str(instance.SeriesInstanceUID),
        "instance": str(instance.SOPInstanceUID),
        "frames": "1",
    }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", ["POSITIVE", "NEGATIVE"])
def test_every_answer_is_one_that_the_document_names(
    archive: ServedArchive, store: Callable[[ServedArchive, Dataset], Dataset], mode: str
) -> None:
    """Of every operation, with stored UIDs and with made ones; at the end the archive lives."""
    instance = make_instance()
    store(archive, instance)
    url = archive.doors["http"]
    document = _document(url)
    schema = schemathesis.openapi.from_dict(document)
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        tried += 1
        if mode == "NEGATIVE" and not _has_something_to_get_wrong(document, operation):
            continue
        _try(operation, url, _of(instance), schemathesis.GenerationMode[mode])
    assert tried == sum(len(operations) for operations in document["paths"].values())
    assert tried > 20
    with urllib.request.urlopen(f"{url}/health/ready", timeout=_SECONDS) as answer:
        assert answer.status == 200


def _has_something_to_get_wrong(document: dict[str, Any], operation: Any) -> bool:
    declared = document["paths"][operation.path][operation.method]
    return bool(declared["parameters"]) or "requestBody" in declared


def _try(operation: Any, url: str, stored: dict[str, str], mode: Any) -> None:
    turns = iter(range(10**9))

    @seed(2026)
    @_BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case: Any) -> None:
        if next(turns) % 2:  # what is not there is answered with 404, and little is tried then
            case.path_parameters = {**(case.path_parameters or {}), **_named(case, stored)}
        response = case.call(base_url=url, timeout=_SECONDS)
        assert response.status_code < 500 or response.status_code == _NOT_IMPLEMENTED, (
            f"{operation.label}: {response.text[:300]} {case.as_curl_command()}"
        )
        case.validate_response(response, checks=_CONFORMANCE)

    one()


def _named(case: Any, stored: dict[str, str]) -> dict[str, str]:
    return {name: stored[name] for name in case.path_parameters or {} if name in stored}
