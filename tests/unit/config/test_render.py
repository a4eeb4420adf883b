"""The printed configuration is complete, loads, and changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from pacs_framework.config import (
    PeerSettings,
    Settings,
    load_settings,
    render_config,
    validate_plugin_sections,
)
from pacs_framework.config.annotations import inner_model, value_model
from pacs_framework.config.places import known_keys
from pacs_framework.network.limits import Limits


class Inner(BaseModel):
    depth: int = Field(default=2, ge=0, le=9, description="How deep.")


class Acme(BaseModel):
    """What acme does.

    Not printed.
    """

    limit: float = Field(default=0.5, gt=0, description="A limit.")
    words: tuple[str, ...] = Field(default=("a", 'b "c"'), description="Words.")
    names: frozenset[str] = Field(default=frozenset({"z", "y"}), description="Names.")
    folder: Path | None = Field(default=None, description="A folder.")
    inner: Inner = Field(default_factory=Inner, description="Inside.")
    table: dict[str, int] = Field(default_factory=dict, description="Numbers.")


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        inner = inner_model(field.annotation) or value_model(field.annotation)
        if inner is not None:
            yield from models(inner)


@pytest.mark.parametrize("model", list(models(Settings)), ids=lambda model: model.__name__)
def test_every_setting_has_a_description(model):
    """They are printed by ``pacs config``."""
    for name, field in model.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def uncommented(text: str) -> str:
    return re.sub(r"^#(?=[a-z\[])", "", text, flags=re.MULTILINE)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "pacs.toml"


def test_as_printed_it_changes_nothing(here):
    """Every setting and every section of a plugin is a comment."""
    here.write_text(render_config({"acme": Acme, "none": None}))
    assert load_settings(here, environment={}) == Settings()


def test_uncommented_it_is_the_defaults(here):
    """The values that are printed are the values that hold."""
    here.write_text(uncommented(render_config({"acme": Acme})))
    settings = load_settings(here, environment={})
    assert settings.model_copy(update={"plugin": {}}) == Settings()
    assert set(settings.plugin) == {"acme"}
    assert validate_plugin_sections(settings, {"acme": Acme}) == {"acme": Acme()}


def test_every_setting_is_printed():
    """Each key, as a setting or as one that is not set."""
    text = render_config({})
    for keys in known_keys(Settings):
        if keys[0] not in ("peers", "plugin"):
            assert re.search(rf"^# ?{keys[-1]} = ", text, flags=re.MULTILINE), keys
    for name in PeerSettings.model_fields:
        assert f"\n# {name} = " in text


def test_a_section_of_a_plugin_reads_like_this():
    """Description, what may be written, the default; headers of plugins are comments as well."""
    text = render_config({"acme": Acme})
    assert text[text.index("# What acme does.") :] == (
        "# What acme does.\n"
        "#[plugin.acme]\n"
        "\n"
        "# A limit. A number above 0.\n"
        "#limit = 0.5\n"
        "\n"
        "# Words. A list of: text.\n"
        '#words = ["a", "b \\"c\\""]\n'
        "\n"
        "# Names. A list of: text.\n"
        '#names = ["y", "z"]\n'
        "\n"
        "# A folder.\n"
        "# folder = (not set)\n"
        "\n"
        "# Numbers.\n"
        "#table = {}\n"
        "\n"
        "#[plugin.acme.inner]\n"
        "\n"
        "# How deep. An integer from 0 to 9.\n"
        "#depth = 2\n"
    )


def test_choices_and_units_are_told():
    """What may be written stands with the description."""
    text = render_config({})
    assert 'One of "console"' not in text
    assert 'One of "auto", "console", "json".' in text
    assert "An integer from 0 to 65535." in text
    assert '#spool = "1 MiB"' in text


def test_the_limits_of_the_wire_are_settings_of_the_same_names():
    """What the engine can limit, the site can set."""
    assert {field.name for field in fields(Limits)} <= set(Settings().network.model_dump())
    for field in fields(Limits):
        if field.name != "max_associations":
            assert getattr(Settings().network, field.name) == field.default, field.name


def test_sections_that_a_site_names_are_shown_by_an_example():
    """What may stand in ``[plugins.limits.NAME]``, with its defaults."""
    text = render_config({})
    start = text.index("# [plugins.limits.NAME]")
    assert "\n# decide_seconds = 10.0\n" in text[start:]
    assert "\n# memory = 0\n" in text[start:]
    assert "\n#limits = " not in text
