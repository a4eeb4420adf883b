"""``pacs anonymize make-key``: a new secret key."""

from __future__ import annotations

from pathlib import Path

import click

from pacs_anonymize.keys import write_new_key

__all__ = ["command"]


@click.command("make-key")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def command(file: Path) -> None:
    """Write a new random key to FILE, which only you may read. A file that is there stays.

    Who has the key can tell whose pseudonym it is by trying names; who loses it gets other
    pseudonyms for what comes from then on. Keep a copy apart from the data.

    \b
    Example:
        pacs anonymize make-key /etc/pacs/anonymize.key
    """
    try:
        write_new_key(file)
    except FileExistsError:
        raise click.ClickException(f"{file} is there already; a key is never overwritten") from None
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from None
    click.echo(f"{file}: a new key")
