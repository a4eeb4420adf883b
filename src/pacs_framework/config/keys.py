"""Secret keys, which stand in no configuration: a setting says where one is."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from pacs_framework.config.types import OptionalPath, Section
from pacs_framework.errors import ConfigurationError

__all__ = ["KeyReference"]

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){32,}").fullmatch
_MAKE_ONE = "64 hexadecimal digits or more, as `openssl rand -hex 32` makes them"


class KeyReference(Section):
    """Where a secret key is: the base of the section of a plugin that needs one."""

    key_file: OptionalPath = Field(
        default=None,
        description=(
            "File with the secret key of pseudonyms and new UIDs: 64 hexadecimal digits or more, "
            "as `openssl rand -hex 32` makes them. Who has it can tell whose pseudonym is whose. "
            "The same key gives the same ones, on every node; another one gives others."
        ),
    )
    key_env: str = Field(
        default="",
        description=(
            "Name of an environment variable that holds the key, instead of a file. It must not "
            "begin with PACS_."
        ),
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.key_file is not None and self.key_env:
            raise ValueError("key_file and key_env are both set; the key is in one place only")
        if self.key_env.upper().startswith("PACS_"):
            raise ValueError(
                f"key_env is {self.key_env!r}; variables that begin with PACS_ are settings, so "
                "give it another name"
            )
        return self

    def read_key(self) -> bytes | None:
        """The key; None where no place is set. Raises `ConfigurationError` where none is there."""
        if self.key_file is not None:
            return _key(_text_of(self.key_file), f"the key file {str(self.key_file)!r}")
        if self.key_env:
            where = f"the environment variable {self.key_env!r}"
            if self.key_env not in os.environ:
                raise ConfigurationError(f"{where} with the key is not set; it holds {_MAKE_ONE}")
            return _key(os.environ[self.key_env], where)
        return None


def _text_of(file: Path) -> str:
    try:
        return file.read_text("ascii", "replace")
    except OSError as error:
        raise ConfigurationError(
            f"the key file {str(file)!r} cannot be read: {error.strerror}; it holds {_MAKE_ONE}"
        ) from error


def _key(text: str, where: str) -> bytes:
    digits = text.strip()
    if not _HEX(digits):
        raise ConfigurationError(f"{where} holds no key: that is {_MAKE_ONE}")
    return bytes.fromhex(digits)
