"""The hooks: the section of the configuration and the scheme ``file``."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from pacs_framework.errors import ConfigurationError
from pacs_framework.storage import StorageRegistry
from pacs_framework.testing.objects import object_name, put
from pacs_storage_filesystem import plugin
from pacs_storage_filesystem.naming import Naming
from pacs_storage_filesystem.settings import Settings


@pytest.fixture
def registry() -> StorageRegistry:
    found = StorageRegistry()
    for scheme, factory in plugin.storage_backends(Settings(naming=Naming.DATE)).items():
        found.add(scheme, factory, plugin="storage-filesystem")
    return found


def test_a_file_url_opens_the_folder_it_names(registry: StorageRegistry, tmp_path: Path) -> None:
    """With the settings of the section; the folder is made."""
    folder = tmp_path / "with space"
    backend = registry.open(folder.as_uri())
    key = put(backend, backend.key_for(object_name()))
    assert key.startswith("2026/01/02/1.2.3/1.2.3.4.1-")
    assert (folder / key).is_file()
    backend.close()


@pytest.mark.parametrize("url", ["file://host/path", "file:relative", "file:///a?x=1"])
def test_a_url_that_names_no_local_folder_is_refused(registry: StorageRegistry, url: str) -> None:
    with pytest.raises(ConfigurationError, match="names no local folder"):
        registry.open(url)


def test_sizes_are_read_with_their_units() -> None:
    assert Settings(reserve="10 GiB").reserve == 10 << 30
    with pytest.raises(ValidationError):
        Settings(reserve="much")
    with pytest.raises(ValidationError):
        Settings(naming="alphabetical")


def test_every_setting_is_described() -> None:
    model = plugin.config_models()
    assert all(field.description for field in model.model_fields.values())
    assert model() == Settings()
