"""The section ``[plugin.samplename]`` of the configuration."""

from __future__ import annotations

from pacs_framework.config import Section
from pacs_framework.config.types import OptionalPath
from pacs_framework.errors import ConfigurationError
from pydantic import Field

__all__ = ["Settings"]

_SHORTEST = 32
_MAKE_ONE = "make one with `head -c 32 /dev/urandom | base64 > FILE`"


class Settings(Section):
    """Where the key is; never the key itself, since configuration files get around."""

    key_file: OptionalPath = Field(
        default=None,
        description=(
            "File with the secret key of pseudonyms and new UIDs; the same key gives the same "
            "ones. Without a key every instance is refused."
        ),
    )

    def key(self) -> bytes:
        """The key; empty where none is configured. Raises `ConfigurationError`."""
        if self.key_file is None:
            return b""
        try:
            key = self.key_file.read_bytes().strip()
        except OSError as error:
            raise ConfigurationError(f"key_file {self.key_file}: {error.strerror}") from error
        if len(key) < _SHORTEST:
            raise ConfigurationError(
                f"key_file {self.key_file}: fewer than {_SHORTEST} bytes; {_MAKE_ONE}"
            )
        return key
