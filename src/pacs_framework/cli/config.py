"""``pacs config``: every setting there is."""

from __future__ import annotations

from contextlib import closing

import click

from pacs_framework.config import PluginsSettings, render_config
from pacs_framework.plugins import load_plugins

__all__ = ["command"]


@click.command("config")
def command() -> None:
    """Print a commented TOML file of every setting with its default, plugins included.

    \b
    Example:
        pacs config > pacs.toml
    """
    with closing(load_plugins(PluginsSettings())) as plugins:
        models = plugins.config_models()
    click.echo(render_config({name: model for name, model in models.items() if model}), nl=False)
