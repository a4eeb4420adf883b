"""The hooks: settings that are refused with a reason, and the scheme ``tiered``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pacs_framework.errors import ConfigurationError
from pacs_framework.storage import StorageRegistry, Surroundings
from pacs_framework.tables import OpenTables
from pacs_framework.testing.objects import get, put_new
from pacs_storage_filesystem import plugin as filesystem
from pacs_storage_filesystem.settings import Settings as FilesystemSettings
from pacs_storage_tiered import plugin
from pacs_storage_tiered.settings import Settings
from pacs_storage_tiered.tables import NAME, TABLES


def registry(settings: Settings) -> StorageRegistry:
    found = StorageRegistry()
    offered = filesystem.storage_backends(FilesystemSettings(reserve=0))
    for scheme, factory in {**offered, **plugin.storage_backends(settings)}.items():
        found.add(scheme, factory, plugin=scheme)
    return found


def tier(name: str = "hot", **changed: Any) -> dict[str, Any]:
    return {"name": name, "places": {f"{name}-1": f"file:///{name}"}, **changed}


def test_the_url_opens_the_places_of_the_settings(tmp_path: Path) -> None:
    """By the plugins that provide them."""
    places = {name: (tmp_path / name).as_uri() for name in ("one", "two")}
    settings = Settings.model_validate({"tiers": [tier(places=places)]})
    backends = registry(settings)
    tables = OpenTables({NAME: TABLES}, data=tmp_path)
    surroundings = Surroundings(backends=backends, tables=tables, data=tmp_path)
    backend = backends.open("tiered:", surroundings)
    key = put_new(backend, b"the object")
    assert get(backend, key) == b"the object"
    backend.close()
    tables.close()
    for name in places:
        assert len(list((tmp_path / name).rglob("*.dcm"))) == 2  # the object, and the mark


@pytest.mark.parametrize(
    ("tiers", "url", "why"),
    [
        ([], "tiered:", "tiers is empty; name at least one tier"),
        ([tier()], "tiered:///x", "write 'tiered:', and the places in"),
        ([tier(places={"a": "file:x"})], "tiered:", "place 'a' of 'hot': .* no local folder"),
        (
            [tier(places={"a": "gone://x"})],
            "tiered:",
            "no active plugin provides the scheme 'gone'",
        ),
    ],
)
def test_what_cannot_be_opened_is_told_before_the_start(
    tiers: list[dict[str, Any]], url: str, why: str
) -> None:
    settings = Settings.model_validate({"tiers": tiers})
    with pytest.raises(ConfigurationError, match=why):
        registry(settings).check(url)


@pytest.mark.parametrize(
    ("tiers", "why"),
    [
        ([tier(quorum=2)], "quorum = 2 needs as many places, and tier 'hot' has 1"),
        ([tier(), tier()], "tier 'hot' is there twice"),
        ([tier(), tier("cold", places={"hot-1": "file:///b"})], "place 'hot-1' is there twice"),
        ([tier(), tier("cold", places={"c": "file:///hot"})], "url 'file:///hot' is there twice"),
        ([tier(places={"a": "tiered:"})], "place 'a' is itself tiered"),
        ([tier(places={})], "places"),
        ([tier("Hot!")], "name"),
    ],
)
def test_settings_that_cannot_hold_are_refused(tiers: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Settings.model_validate({"tiers": tiers})


def test_more_than_half_of_the_places_are_the_quorum() -> None:
    """Unless told."""
    for count, quorum in ((1, 1), (2, 2), (3, 2), (4, 3), (5, 3)):
        places = {f"p{n}": f"file:///{n}" for n in range(count)}
        settings = Settings.model_validate({"tiers": [tier(places=places)]})
        assert settings.tiers[0].needed == quorum


def test_a_storage_that_makes_new_keys_each_time_is_refused(tmp_path: Path) -> None:
    """Packs are one: with them no copy could be found again. Here they are not used."""
    settings = Settings.model_validate({"tiers": [tier(places={"a": "odd:"})]})
    backends = registry(settings)
    backends.add("odd", _Odd(tmp_path), plugin="odd")
    tables = OpenTables({NAME: TABLES}, data=tmp_path)
    surroundings = Surroundings(backends=backends, tables=tables, data=tmp_path)
    with pytest.raises(ConfigurationError, match="place 'a': its storage makes keys that cannot"):
        backends.open("tiered:", surroundings)
    tables.close()


class _Odd:
    """Opens a folder whose keys are numbered."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def __call__(self, _url: str, /) -> Any:
        [factory] = filesystem.storage_backends(FilesystemSettings(reserve=0)).values()
        backend = factory((self._folder / "odd").as_uri())
        backend.key_for = self._key_for
        return backend

    def _key_for(self, _name: object) -> str:
        self._count += 1
        return str(self._count)


def test_every_setting_is_described() -> None:
    model = plugin.config_models()
    assert all(field.description for field in model.model_fields.values())
    assert model() == Settings()
