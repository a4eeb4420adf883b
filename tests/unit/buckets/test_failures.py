"""What stores answer, in the words of the storage contract."""

from __future__ import annotations

import pytest
from obstore.exceptions import GenericError

from pacs_framework.buckets.failures import translated
from pacs_framework.errors import ObjectNotFound, OutOfResources, StorageError


def answer(code: str) -> Exception:
    return GenericError(f"Generic X error: 400 Bad Request: <Error><Code>{code}</Code></Error>")


def told(error: Exception) -> StorageError:
    with pytest.raises(StorageError) as raised, translated("keep an object"):
        raise error
    return raised.value


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (answer("NoSuchKey"), ObjectNotFound, "the store has no such object"),
        (answer("BlobNotFound"), ObjectNotFound, "the store has no such object"),
        (FileNotFoundError("gone"), ObjectNotFound, "the store has no such object"),
        (answer("QuotaExceeded"), OutOfResources, "the store is full (QuotaExceeded)"),
        (answer("SlowDown"), StorageError, "the store answered SlowDown"),
        (answer("AccessDenied"), StorageError, "AccessDenied; look at the rights of its"),
        (answer("AuthenticationFailed"), StorageError, "Failed; look at the credentials"),
        (answer("BlobArchived"), StorageError, "a storage class that has to be restored first"),
        (OSError("Generic X error: kind: Timeout"), StorageError, "gave no answer in time"),
        (GenericError("x: InvalidCertificate(y)"), StorageError, "is not trusted; set ca_file"),
    ],
)
def test_every_answer_says_what_to_do(error: Exception, kind: type, text: str) -> None:
    found = told(error)
    assert type(found) is kind
    assert text in str(found)
    assert str(found).startswith("cannot keep an object: ")


@pytest.mark.parametrize("code", ["NoSuchBucket", "ContainerNotFound"])
def test_a_bucket_that_is_not_there_is_no_missing_object(code: str) -> None:
    """Also where the library takes it for one."""
    for error in (answer(code), FileNotFoundError(str(answer(code)))):
        found = told(error)
        assert not isinstance(found, ObjectNotFound)
        assert "make the bucket, or correct [storage] url" in str(found)


def test_what_is_no_answer_of_a_store_passes() -> None:
    with pytest.raises(ValueError, match="ours"), translated("keep an object"):
        raise ValueError("ours")
