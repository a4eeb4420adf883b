"""The sections of plugins: each plugin brings the model of its own."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from pacs_framework.config import validate_plugin_sections
from pacs_framework.errors import ConfigurationError


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Rule(BaseModel):
    host: str = Field(default="", description="A host.")


class Acme(BaseModel):
    """A plugin's settings, without a word on unknown keys."""

    limit: int = Field(default=5, ge=0, description="A limit.")
    colours: frozenset[Colour] = Field(default=frozenset(), description="Colours.")
    folder: Path | None = Field(default=None, description="A folder.")
    rules: dict[str, Rule] = Field(default_factory=dict, description="Rules by name.")
    password: SecretStr = Field(default=SecretStr(""), description="A secret.")
    pin: SecretStr = Field(default=SecretStr(""), description="A secret by its type.")


class Free(BaseModel):
    model_config = ConfigDict(extra="allow")


def failing(settings, models, **more):
    with pytest.raises(ConfigurationError) as caught:
        validate_plugin_sections(settings, models, **more)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_a_section_becomes_the_plugins_model(load, tmp_path):
    """From the file and from variables, paths and containers included."""
    text = "[plugin.acme]\nlimit = 7\nfolder = 'f'\n[plugin.acme.rules.One]\nhost = 'h'\n"
    settings = load(text, PACS_PLUGIN__ACME__COLOURS='["red"]', PACS_PLUGIN__ACME__PASSWORD="x")
    (acme,) = validate_plugin_sections(settings, {"acme": Acme, "other": None}).values()
    assert acme.limit == 7
    assert acme.folder == tmp_path / "f"
    assert acme.colours == {Colour.RED}
    assert acme.rules == {"One": Rule(host="h")}
    assert acme.password.get_secret_value() == "x"


def test_without_a_section_the_defaults_hold(load):
    """Every plugin with a model has settings."""
    assert validate_plugin_sections(load(), {"acme": Acme}) == {"acme": Acme()}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("limmit = 1", "[plugin.acme] limmit: unknown key, did you mean 'limit'?"),
        (
            "limit = -1",
            "[plugin.acme] limit: input should be greater than or equal to 0, not -1",
        ),
        ("limit = false", "[plugin.acme] limit: a number is needed, not False"),
        (
            "colours = ['red', 'green']",
            "[plugin.acme] colours[1]: input should be 'red' or 'blue', not 'green'",
        ),
        (
            "rules.One.hots = 'x'",
            "[plugin.acme.rules.One] hots: unknown key, did you mean 'host'?",
        ),
        (
            "password = ['hunter2']",
            "[plugin.acme] password: input should be a valid string, not what was given",
        ),
        (
            "pin = [1234]",
            "[plugin.acme] pin: input should be a valid string, not what was given",
        ),
    ],
)
def test_a_wrong_setting_of_a_plugin_is_one_line(load, text, line):
    """In the same words as one of the kernel's; unknown keys too, whatever the model says."""
    assert failing(load(f"[plugin.acme]\n{text}\n"), {"acme": Acme}) == [line]


def test_a_wrong_variable_of_a_plugin_is_named(load):
    """With the nearest one."""
    settings = load(PACS_PLUGIN__ACME__LIMITS="3")
    assert failing(settings, {"acme": Acme}) == [
        "PACS_PLUGIN__ACME__LIMITS: unknown variable, did you mean PACS_PLUGIN__ACME__LIMIT?"
    ]


def test_a_model_may_take_any_key(load):
    """If it says so."""
    settings = load("[plugin.free]\nx = 1\n")
    assert validate_plugin_sections(settings, {"free": Free})["free"].x == 1


def test_a_plugin_without_model_takes_no_settings(load):
    """An empty section only asks for it."""
    assert validate_plugin_sections(load("[plugin.acme]\n"), {"acme": None}) == {}
    assert failing(load("[plugin.acme]\nx = 1\n"), {"acme": None}) == [
        "[plugin.acme] x: this plugin takes no settings"
    ]


def test_the_section_of_an_inactive_plugin_stays_unread(load):
    """Denying a plugin needs no other change; the section of an unknown one is an error."""
    settings = load("[plugin.acme]\nx = 1\n")
    assert validate_plugin_sections(settings, {}, {"acme"}) == {}
    assert failing(settings, {}) == ["[plugin.acme]: no installed plugin of this name"]


def test_the_problems_of_all_plugins_are_told_at_once(load):
    """One error."""
    settings = load("[plugin.acme]\nlimit = -1\n[plugin.other]\nlimit = -1\n")
    assert len(failing(settings, {"acme": Acme, "other": Acme})) == 2
