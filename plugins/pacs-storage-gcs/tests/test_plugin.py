"""The hooks: the section of the configuration, the scheme ``gs`` and its URLs."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from pacs_framework.errors import ConfigurationError
from pacs_framework.storage import StorageRegistry
from pacs_storage_gcs import plugin
from pacs_storage_gcs.accounts import Account
from pacs_storage_gcs.address import Address
from pacs_storage_gcs.connecting import connect
from pacs_storage_gcs.settings import Settings


@pytest.fixture
def registry() -> StorageRegistry:
    found = StorageRegistry()
    for scheme, factory in plugin.storage_backends(Settings()).items():
        found.add(scheme, factory, plugin="storage-gcs")
    return found


@pytest.mark.parametrize(
    "url",
    [
        "gs://",
        "gs://ab",
        "gs://Images",
        "gs://-images",
        "gs://images-",
        "gs://goog-images",
        "gs://10.1.2.3",
        "gs://a..b",
        "gs:images",
        "gs://images:1/x",
        "gs://images/x?generation=1",
        "gs://images/../b",
        "gs://" + "a" * 64,
        "gs://" + ".".join(["a" * 63] * 4),
    ],
)
def test_a_url_that_names_no_place_in_a_bucket_is_refused(
    registry: StorageRegistry, url: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"write gs://BUCKET/PREFIX.*storage-gcs"):
        registry.check(url)


@pytest.mark.parametrize("bucket", ["images", "my_images-2", "images.example.org", "0images"])
def test_a_url_names_bucket_and_prefix(registry: StorageRegistry, bucket: str) -> None:
    registry.check(f"gs://{bucket}/a/b/")
    address = Address.of(f"gs://{bucket}/a/b/")
    assert (address.bucket, address.prefix) == (bucket, "a/b")


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "storage.googleapis.com"},
        {"storage_class": "COLD"},
        {"check_writes": "store"},
        {"part_size": "1 MiB"},
        {"service_account_key": "secret"},
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)


def test_every_setting_is_described() -> None:
    model = plugin.config_models()
    assert all(field.description for field in model.model_fields.values())
    assert model() == Settings()


def test_the_configuration_says_where_the_store_is_and_not_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Credentials may come from there; another place for images may not, nor leave to read them."""
    key = tmp_path / "key.json"
    key.write_text(Account("archive@example.org").key())
    monkeypatch.setenv("GOOGLE_BASE_URL", "https://elsewhere.example.org")
    monkeypatch.setenv("GOOGLE_BUCKET", "others")
    monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
    monkeypatch.setenv("GOOGLE_ALLOW_INVALID_CERTIFICATES", "true")
    made = connect(Address.of("gs://images"), Settings(service_account_file=key)).small
    assert made.config["base_url"] == "https://storage.googleapis.com"
    assert made.config["bucket"] == "images"
    assert made.config["skip_signature"] in {False, "false"}
    assert "allow_invalid_certificates" not in str(made.client_options)


def test_the_conformance_statement_says_how_long_and_how_sealed() -> None:
    told = str(plugin.conformance(Settings()))
    assert "Google Cloud Storage" in told
    assert "AES-256-GCM" not in told
    assert "AES-256-GCM" in str(plugin.conformance(Settings(key_env="SECRET")))
