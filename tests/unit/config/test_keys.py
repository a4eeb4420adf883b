"""Keys stand in a file or a variable, and never in the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from pacs_framework.config.keys import KeyReference
from pacs_framework.errors import ConfigurationError

DIGITS = "00112233445566778899aabbccddeeff" * 2
KEY = bytes.fromhex(DIGITS)
MAKE_ONE = "64 hexadecimal digits or more, as `openssl rand -hex 32` makes them"


def test_a_key_is_read_from_its_file(tmp_path: Path) -> None:
    """With the end of the line that every tool writes."""
    file = tmp_path / "key"
    file.write_text(DIGITS.upper() + "\n")
    assert KeyReference(key_file=file).read_key() == KEY


def test_a_key_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", DIGITS)
    assert KeyReference(key_env="A_KEY").read_key() == KEY


def test_where_no_place_is_set_there_is_none() -> None:
    assert KeyReference().read_key() is None
    assert KeyReference.model_validate({"key_file": ""}).read_key() is None


def test_a_place_without_a_key_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("A_KEY", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        KeyReference(key_env="A_KEY").read_key()
    assert str(caught.value) == (
        f"the environment variable 'A_KEY' with the key is not set; it holds {MAKE_ONE}"
    )
    file = tmp_path / "key"
    with pytest.raises(ConfigurationError) as caught:
        KeyReference(key_file=file).read_key()
    assert str(caught.value) == (
        f"the key file {str(file)!r} cannot be read: No such file or directory; it holds {MAKE_ONE}"
    )


@pytest.mark.parametrize("text", ["", DIGITS[:-1], DIGITS[:-2], DIGITS[:-2] + "xy", "pässword"])
def test_what_is_no_key_is_told_without_what_it_is(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        KeyReference(key_file=file).read_key()
    assert str(caught.value) == f"the key file {str(file)!r} holds no key: that is {MAKE_ONE}"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"key_file": "/k", "key_env": "K"}, "both set; the key is in one place only"),
        ({"key_env": "PACS_KEY"}, "variables that begin with PACS_ are settings"),
        ({"key": DIGITS}, "Extra inputs are not permitted"),
    ],
)
def test_a_reference_is_to_one_place_that_can_hold_a_key(
    settings: dict[str, str], told: str
) -> None:
    with pytest.raises(ValidationError, match=told):
        KeyReference.model_validate(settings)
