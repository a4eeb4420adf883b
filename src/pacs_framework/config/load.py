"""Read, merge and validate the configuration; every problem is told at once."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from pacs_framework.config.decode import Undecodable, decode
from pacs_framework.config.problems import as_error, explain
from pacs_framework.config.settings import Settings
from pacs_framework.config.sources import CONFIG_VARIABLE, Tree, gather

__all__ = ["load_settings", "validate_plugin_sections"]


def load_settings(
    path: Path | str | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """The configuration: defaults, over them the file, the environment, and ``overrides``.

    path: the TOML file; when None, the file that ``PACS_CONFIG`` names, or none.
    overrides: from the command line, nested like the file, or with dotted keys such as
    ``network.port``; None says nothing.
    environment: `os.environ` when None.

    Sections of plugins stay as written until `validate_plugin_sections`. Raises
    `ConfigurationError` that lists every problem.
    """
    environment = os.environ if environment is None else environment
    source = path or environment.get(CONFIG_VARIABLE) or None
    tree = gather(Path(source) if source else None, environment, overrides or {})
    # What plugins are given must keep its sources until their models are known.
    sections = tree.get("plugin")
    decoded, undecodable = decode(Settings, {k: v for k, v in tree.items() if k != "plugin"})
    if sections is not None:
        decoded["plugin"] = sections
    settings, problems = _validated(Settings, tree, decoded, undecodable)
    if settings is None:
        raise as_error(problems, str(source or ""))
    assert isinstance(settings, Settings)
    return settings


def validate_plugin_sections(
    settings: Settings,
    models: Mapping[str, type[BaseModel] | None],
    inactive: Collection[str] = (),
) -> dict[str, BaseModel]:
    """The validated section of every plugin that has a model, defaults where it has no section.

    models: for each active plugin the model of its section, None when it takes no settings.
    inactive: plugins that are installed and not called; their sections are left unread.

    Raises `ConfigurationError` that lists every problem of every section.
    """
    problems = [
        f"[plugin.{name}]: no installed plugin of this name"
        for name in settings.plugin
        if name not in models and name not in inactive
    ]
    valid: dict[str, BaseModel] = {}
    for name, model in models.items():
        tree = settings.plugin.get(name, {})
        if model is None:
            problems += [f"[plugin.{name}] {key}: this plugin takes no settings" for key in tree]
            continue
        decoded, undecodable = decode(model, tree, ())
        section, more = _validated(model, tree, decoded, undecodable, above=("plugin", name))
        problems += more
        if section is not None:
            valid[name] = section
    if problems:
        raise as_error(problems)
    return valid


def _validated(
    model: type[BaseModel],
    tree: Tree,
    decoded: Tree,
    undecodable: list[Undecodable],
    *,
    above: tuple[str, ...] = (),
) -> tuple[BaseModel | None, list[str]]:
    """The model of ``decoded``, or None and what is wrong with it."""
    # A plugin's model that says nothing about unknown keys forbids them, like all sections do.
    extra: Literal["forbid"] | None = (
        None if model.model_config.get("extra") == "allow" else "forbid"
    )
    try:
        valid = model.model_validate(decoded, extra=extra)
    except ValidationError as error:
        return None, explain(model, tree, error, undecodable, above=above)
    problems = explain(model, tree, None, undecodable, above=above)
    return (None if problems else valid), problems
