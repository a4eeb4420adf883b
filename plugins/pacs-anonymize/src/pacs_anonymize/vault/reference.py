"""Where a vault is, and its key, in settings: ``[plugin.anonymize.vault]``."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from pacs_framework.config.keys import KeyReference

if TYPE_CHECKING:
    from pacs_anonymize.vault.keeping import Keeper
    from pacs_anonymize.vault.vault import Vault

__all__ = ["VaultReference"]


class VaultReference(KeyReference):
    """The vault that leads from pseudonyms back to patients; its key opens nothing else."""

    place: str = Field(
        default="",
        description=(
            "The vault: path of a file of SQLite, or postgresql+psycopg://user@host/database where "
            "nodes share it. `pacs anonymize vault create` makes one."
        ),
    )

    @model_validator(mode="after")
    def _with_key(self) -> Self:
        if self.place and self.key_file is None and not self.key_env:
            raise ValueError("a vault needs a key of its own: set key_file or key_env beside place")
        return self

    @cached_property
    def keeper(self) -> Keeper | None:
        """What keeps entries there, one for all threads; None where there is no vault.

        Raises `ConfigurationError` where the key cannot be read.
        """
        key = self.read_key()
        if not self.place or key is None:
            return None
        # Not above: an archive without a vault loads nothing of it.
        from pacs_anonymize.vault.keeping import Keeper  # noqa: PLC0415
        from pacs_anonymize.vault.vault import Vault  # noqa: PLC0415

        return Keeper(Vault(self.place, key))

    @property
    def vault(self) -> Vault | None:
        """The vault itself; None where there is none. Raises as `keeper`."""
        return None if self.keeper is None else self.keeper.vault
