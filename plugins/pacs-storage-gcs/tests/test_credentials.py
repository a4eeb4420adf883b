"""Who is let in: key files, what the environment says, and the account of the machine."""

from __future__ import annotations

import pytest

from pacs_framework.errors import ConfigurationError, ObjectNotFound, StorageError
from pacs_framework.testing.objects import get, put_new
from pacs_storage_gcs.accounts import Account


def test_the_key_of_another_account_does_not_come_in(place, tmp_path) -> None:
    other = tmp_path / "other.json"
    other.write_text(Account("other@example.iam.gserviceaccount.com").key())
    with pytest.raises(StorageError, match=r"AuthenticationRequired; look at the cred") as raised:
        put_new(place.open(service_account_file=other), b"x")
    assert not isinstance(raised.value, ObjectNotFound)


def test_a_key_file_that_the_environment_names_comes_in(place, monkeypatch) -> None:
    """As all of Google's libraries have it."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(place.server.key_file))
    backend = place.open(service_account_file=None)
    assert get(backend, put_new(backend, b"x")) == b"x"


def test_the_account_of_the_machine_comes_in(place, monkeypatch) -> None:
    """Its metadata server gives out tokens, over http."""
    monkeypatch.setenv("GCE_METADATA_HOST", place.server.host)
    backend = place.open(service_account_file=None)
    assert get(backend, put_new(backend, b"x")) == b"x"


def test_without_any_credentials_the_error_says_so(place) -> None:
    """Here on a machine that is none of Google's."""
    backend = place.open(service_account_file=None, budget=1.5)
    with pytest.raises(StorageError, match=_no_token("Connection refused")) as raised:
        put_new(backend, b"x")
    assert raised.value.status == 0xA700


def test_a_machine_without_an_account_is_no_missing_object(place, monkeypatch) -> None:
    """Its metadata server answers 404, as the store does for an object."""
    key = put_new(place.open(), b"x")
    monkeypatch.setenv("GCE_METADATA_HOST", place.server.host)
    monkeypatch.setenv("GCE_METADATA_IP", place.server.host)
    monkeypatch.setattr(place.server, "has_account", False)
    backend = place.open(service_account_file=None, budget=1.5)
    for call in (backend.stat, backend.open, backend.delete):
        with pytest.raises(StorageError, match=_no_token("404")) as raised:
            call(key)
        assert not isinstance(raised.value, ObjectNotFound)


def test_a_token_of_the_environment_does_not_take_the_place_of_the_key(place, monkeypatch) -> None:
    """The library would let it; nobody would look for it there."""
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "forgotten")
    with pytest.raises(ConfigurationError, match="GOOGLE_BEARER_TOKEN is set"):
        place.open()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "secret",
        '{"type": "service_account", "client_email": "a", "private_key_id": "1"}',
        '{"type": "external_account", "audience": "a"}',
    ],
)
def test_a_key_file_that_holds_no_key_is_named_at_start(place, tmp_path, text) -> None:
    file = tmp_path / "key.json"
    file.write_text(text)
    with pytest.raises(
        ConfigurationError, match=r"^\[plugin.storage-gcs\].*decode service account file"
    ):
        place.open(service_account_file=file)


def test_a_key_file_that_is_not_there_is_named_at_start(place, tmp_path) -> None:
    with pytest.raises(ConfigurationError, match=r"gone.json.*No such file"):
        place.open(service_account_file=tmp_path / "gone.json")


def _no_token(why: str) -> str:
    return rf"^cannot .*: no token for the store \({why}\); look at the credentials in the section"
