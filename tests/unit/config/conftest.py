"""Configuration files in a folder of their own, and no variables but those of the test."""

from __future__ import annotations

import os

import pytest

from pacs_framework.config import load_settings
from pacs_framework.errors import ConfigurationError


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    """Variables of the machine that runs the tests say nothing here."""
    for name in [name for name in os.environ if name.startswith("PACS_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def load(tmp_path):
    """Load TOML text from a file ``pacs.toml``, with variables and overrides."""

    def load(text="", overrides=None, **variables):
        file = tmp_path / "pacs.toml"
        file.write_text(text, encoding="utf-8")
        return load_settings(file, overrides, environment=variables)

    return load


@pytest.fixture
def problems(load):
    """The lines of the error that loading ends with, without its head."""

    def problems(text="", overrides=None, **variables):
        with pytest.raises(ConfigurationError) as caught:
            load(text, overrides, **variables)
        return [line.strip() for line in str(caught.value).splitlines()[1:]]

    return problems
