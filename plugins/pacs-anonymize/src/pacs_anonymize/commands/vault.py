"""``pacs anonymize vault``: the vault made, read, looked after."""

from __future__ import annotations

import click

from pacs_framework.cli.lazy import LazyGroup

__all__ = ["command"]

_PLACES = {
    name: f"pacs_anonymize.commands.vault_commands:{name.replace('-', '_')}_command"
    for name in ("audit", "change-key", "check", "create", "export", "list", "show")
}


@click.group("vault", cls=LazyGroup, places=_PLACES)
def command() -> None:
    """Look after the vault, which leads from pseudonyms back to patients.

    It is encrypted with a key of its own. Whoever reads who somebody is says why, and that stands
    in its audit trail before the answer is given.

    \b
    Example:
        pacs anonymize vault create --map trial-7.vault --vault-key vault.key
    """
