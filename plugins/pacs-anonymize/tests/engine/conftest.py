"""What the tests of the engine share: a key, anonymizers, and data sets that went through."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from pydicom import Dataset

from pacs_anonymize.engine.anonymizer import ProfileAnonymizer
from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.profile import Profile, Rule
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.rewrite import encode_header, load_header

KEY = b"a key of the tests"
EXPLICIT = "1.2.840.10008.1.2.1"


@pytest.fixture
def make() -> Callable[..., ProfileAnonymizer]:
    """An anonymizer by options and rules."""

    def make(*options: Option, rules: tuple[Rule, ...] = (), **more) -> ProfileAnonymizer:
        return ProfileAnonymizer(Profile("test", frozenset(options), rules), KEY, **more)

    return make


@pytest.fixture
def through(make) -> Callable[..., Dataset]:
    """A data set as it comes out: encoded, de-identified, encoded and read again."""

    def through(dataset: Dataset, *options: Option, syntax: str = EXPLICIT, **more) -> Dataset:
        answer = encoded_answer(make(*options, **more), dataset, syntax)
        return load_header(io.BytesIO(answer), syntax)

    return through


@pytest.fixture
def answer() -> Callable[..., bytes]:
    """The encoded answer of an anonymizer to a data set."""
    return encoded_answer


def encoded_answer(
    anonymizer: ProfileAnonymizer, dataset: Dataset, syntax: str = EXPLICIT
) -> bytes:
    given = load_header(io.BytesIO(encode_identifier(dataset, syntax)), syntax)
    return encode_header(anonymizer.anonymize(given), syntax)
