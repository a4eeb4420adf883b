"""The hooks: the section of the configuration, the scheme ``az`` and its URLs."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from pacs_framework.errors import ConfigurationError
from pacs_framework.storage import StorageRegistry
from pacs_storage_azure import plugin
from pacs_storage_azure.address import Address
from pacs_storage_azure.backend import open_backend
from pacs_storage_azure.connecting import connect
from pacs_storage_azure.settings import Settings


@pytest.fixture
def registry() -> StorageRegistry:
    found = StorageRegistry()
    for scheme, factory in plugin.storage_backends(Settings()).items():
        found.add(scheme, factory, plugin="storage-azure")
    return found


@pytest.mark.parametrize(
    "url",
    [
        "az://",
        "az://ab",
        "az://Images",
        "az://a--b",
        "az://a.b.c",
        "az:images",
        "az://images:1/x",
        "az://images/x?sig=y",
        "az://images/../b",
        "az://" + "a" * 64,
    ],
)
def test_a_url_that_names_no_place_in_a_container_is_refused(
    registry: StorageRegistry, url: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"write az://CONTAINER/PREFIX.*storage-azure"):
        registry.check(url)


def test_a_url_names_container_and_prefix(registry: StorageRegistry) -> None:
    registry.check("az://images/a/b/")
    address = Address.of("az://images/a/b/")
    assert (address.bucket, address.prefix) == ("images", "a/b")


@pytest.mark.parametrize(
    "wrong",
    [
        {"account": "Hospital-Images"},
        {"endpoint": "x.blob.core.windows.net"},
        {"credential": "password"},
        {"access_tier": "Archive"},
        {"check_writes": "store"},
        {"account_key_file": "a", "sas_file": "b"},
        {"part_size": "1 MiB"},
        {"account_key": "secret"},
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)


def test_every_setting_is_described() -> None:
    model = plugin.config_models()
    assert all(field.description for field in model.model_fields.values())
    assert model() == Settings()


def test_without_an_account_nothing_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ConfigurationError, match="no storage account: set account in"):
        open_backend("az://images", Settings())


@pytest.mark.parametrize("name", ["account_key_file", "sas_file"])
def test_a_secret_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    for file, why in ((empty, "holds no secret"), (tmp_path / "gone", "No such file")):
        with pytest.raises(ConfigurationError, match=f"{name} .*{why}"):
            connect(Address.of("az://images"), Settings(account="images", **{name: file}))


def test_the_configuration_says_where_the_store_is_and_not_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Credentials may come from there; another place for images may not."""
    key = tmp_path / "key"
    key.write_text("c2VjcmV0")
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", "https://elsewhere.example.org")
    monkeypatch.setenv("AZURE_STORAGE_USE_EMULATOR", "true")
    monkeypatch.setenv("AZURE_CONTAINER_NAME", "others")
    made = connect(Address.of("az://images"), Settings(account="hospital", account_key_file=key))
    config = made.small.config
    assert config["endpoint"] == "https://hospital.blob.core.windows.net"
    assert config["container_name"] == "images"
    assert config.get("use_emulator") in {None, False, "false"}


def test_the_conformance_statement_says_how_long_and_how_sealed(tmp_path: Path) -> None:
    told = str(plugin.conformance(Settings()))
    assert "Azure Blob Storage" in told
    assert "AES-256-GCM" not in told
    assert "AES-256-GCM" in str(plugin.conformance(Settings(key_env="SECRET")))
