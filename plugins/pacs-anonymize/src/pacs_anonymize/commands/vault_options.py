"""The options of every command that works with a vault, and what they open."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pacs_anonymize.commands.choice import key_override, settings_of
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.errors import ConfigurationError

if TYPE_CHECKING:
    from pacs_anonymize.vault.vault import Vault

__all__ = ["VaultChoice", "map_option", "reason_option", "vault_key_option", "vault_options"]

_F = TypeVar("_F", bound=Callable[..., Any])

vault_key_option = click.option(
    "--vault-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the key of the vault.  [default: that of the configuration]",
)
"""Adds ``--vault-key``, which a command gets as a path or None."""


def _not_blank(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("say why, for those who read the audit trail")
    return value.strip()


map_option = click.option(
    "--map",
    "--vault",
    "place",
    metavar="VAULT",
    help="The vault: a file, or a URL of PostgreSQL.  [default: that of the configuration]",
)
"""Adds ``--map``, which a command gets as ``place``, a text or None."""

reason_option = click.option(
    "--reason",
    required=True,
    callback=_not_blank,
    help="Why you may know it; it stands in the audit trail.",
)
"""Adds ``--reason``, which must say something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultChoice:
    """Which vault the user means: by options, else that of the configuration."""

    archive: ArchiveChoice
    place: str | None
    key_file: Path | None

    def named(self) -> tuple[str, bytes]:
        """The place of the vault and its key. Raises `ConfigurationError` where one is missing."""
        given = {
            **({} if self.place is None else {"place": self.place}),
            **({} if self.key_file is None else key_override(self.key_file)),
        }
        configured = self.archive.configured({"plugin": {"anonymize": {"vault": given}}})
        reference = settings_of(configured).vault
        key = reference.read_key()
        if not reference.place or key is None:
            raise ConfigurationError(
                "no vault is named: give --map and --vault-key, or set place and key_file in "
                "[plugin.anonymize.vault]"
            )
        return reference.place, key

    def opened(self) -> Vault:
        """The vault, after a look whether its key fits. Raises as `named`, and `VaultError`."""
        # Not above: `--help` needs no database.
        from pacs_anonymize.vault.vault import Vault  # noqa: PLC0415

        vault = Vault(*self.named())
        click.get_current_context().call_on_close(vault.close)
        vault.open()
        return vault


def vault_options(command: _F) -> _F:
    """Add ``--map`` and ``--vault-key``; the command gets them as one `VaultChoice`."""

    @functools.wraps(command)
    def run(choice: ArchiveChoice, place: str | None, vault_key: Path | None, **rest: Any) -> Any:
        return command(vault=VaultChoice(archive=choice, place=place, key_file=vault_key), **rest)

    run = vault_key_option(run)
    run = map_option(run)
    return archive_options(run)  # type: ignore[return-value]
