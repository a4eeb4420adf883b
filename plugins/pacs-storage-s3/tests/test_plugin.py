"""The hooks: the section of the configuration, the scheme ``s3`` and its URLs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pacs_framework.errors import ConfigurationError
from pacs_framework.storage import StorageRegistry
from pacs_storage_s3 import plugin
from pacs_storage_s3.address import Address
from pacs_storage_s3.connecting import connect
from pacs_storage_s3.settings import Settings


@pytest.fixture
def registry() -> StorageRegistry:
    found = StorageRegistry()
    for scheme, factory in plugin.storage_backends(Settings()).items():
        found.add(scheme, factory, plugin="storage-s3")
    return found


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3://AB",
        "s3:bucket",
        "s3://user:secret@bucket/x",
        "s3://bucket:9000/x",
        "s3://bucket/x?endpoint=y",
        "s3://bucket/a//b",
        "s3://bucket/../b",
        "s3://bucket/%00",
        "s3://bucket/" + "x" * 600,
    ],
)
def test_a_url_that_names_no_place_in_a_bucket_is_refused(
    registry: StorageRegistry, url: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"names no place in a bucket; write s3://"):
        registry.check(url)


@pytest.mark.parametrize(
    ("url", "prefix"), [("s3://bucket", ""), ("s3://bucket/", ""), ("s3://bucket/a/b/", "a/b")]
)
def test_a_url_names_bucket_and_prefix(registry: StorageRegistry, url: str, prefix: str) -> None:
    registry.check(url)
    address = Address.of(url)
    assert (address.bucket, address.prefix) == ("bucket", prefix)
    assert address.key(address.path("1.2/3")) == "1.2/3"


def test_what_is_not_below_the_prefix_has_no_key() -> None:
    assert Address.of("s3://bucket/a").key("ab/1.2/3") == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "s3.example.org"},
        {"endpoint": "ftp://x"},
        {"kms_key": "k"},
        {"encryption": "rot13"},
        {"part_size": "1 MiB"},
        {"budget": 0},
        {"secret_access_key": "x"},
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)


def test_every_setting_is_described() -> None:
    model = plugin.config_models()
    assert all(field.description for field in model.model_fields.values())
    assert model() == Settings()


# --- how the libraries are set up -------------------------------------------------------------


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment with credentials and nothing else."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")


@pytest.mark.parametrize(
    ("given", "endpoint"),
    [
        ({"region": "eu-north-1"}, "https://bucket.s3.eu-north-1.amazonaws.com"),
        ({"region": "eu-north-1", "addressing": "path"}, "https://s3.eu-north-1.amazonaws.com"),
        ({"endpoint": "https://s3.example.org"}, "https://s3.example.org"),
        (
            {"endpoint": "https://s3.example.org:8443", "addressing": "virtual"},
            "https://bucket.s3.example.org:8443",
        ),
    ],
)
@pytest.mark.usefixtures("amazon")
def test_both_libraries_speak_to_the_same_endpoint(
    given: dict[str, str], endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the environment names another one for one of them."""
    if "endpoint" in given:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://elsewhere.example.org")
    connection = connect(Address.of("s3://bucket/x"), Settings(**given))
    assert connection.stores.small.config["endpoint"] == endpoint
    url = connection.client.generate_presigned_url(
        "get_object", Params={"Bucket": "bucket", "Key": "k"}
    )
    inside = "/bucket/k" if "//bucket." not in endpoint else "/k"
    assert url.startswith(endpoint + inside)
    connection.client.close()


def test_missing_credentials_are_named_with_the_places_to_put_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ConfigurationError, match="no credentials for the store: set AWS_ACCESS"):
        connect(Address.of("s3://bucket/x"), Settings())


@pytest.mark.usefixtures("amazon")
def test_a_profile_that_is_nowhere_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="nobody"):
        connect(Address.of("s3://bucket/x"), Settings(profile="nobody"))


@pytest.mark.usefixtures("amazon")
def test_a_certificate_file_that_is_missing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="ca_file '/nowhere'"):
        connect(Address.of("s3://bucket/x"), Settings(ca_file="/nowhere"))
