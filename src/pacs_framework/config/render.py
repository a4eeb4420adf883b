"""The whole configuration as a commented TOML file, which changes nothing until it is edited.

Prose is behind ``# ``, a setting with its default behind ``#``: taking that one character away
makes it a setting.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pacs_framework.config.annotations import inner_model, value_model
from pacs_framework.config.kinds import SIZE, kinds_of
from pacs_framework.config.settings import PeerSettings, Settings
from pacs_framework.config.types import format_size

__all__ = ["render_config"]

_HEAD = """\
# Configuration of pacs-framework. Everything here is a comment and shows the default; take away
# the "#" in front of a setting to change it. Any setting may also be given as an environment
# variable, which wins over this file: PACS_NETWORK__PORT=104, lists and tables as JSON.
"""


def render_config(
    plugin_models: Mapping[str, type[BaseModel] | None], model: type[BaseModel] = Settings
) -> str:
    """Every setting of ``model`` and of the plugins, with description, kind and default.

    ``plugin_models`` are the models of the plugins' sections by name of the plugin. The text is
    valid TOML and loads as the defaults; so do the lines that begin with ``#`` and no space, when
    that character is taken away.
    """
    parts = [_HEAD]
    for name, field in model.model_fields.items():
        inner = inner_model(field.annotation)
        if inner is not None:
            parts.append("\n".join(_section((name,), inner, head=f"[{name}]")))
        elif name == "peers":
            parts.append("\n".join(_peers(field)))
    for name, plugin_model in plugin_models.items():
        if plugin_model is not None:
            # The header is a comment too: a section means that the plugin must be there.
            lines = _section(("plugin", name), plugin_model, head=f"#[plugin.{name}]")
            parts.append("\n".join(lines))
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _section(path: tuple[str, ...], model: type[BaseModel], *, head: str) -> Iterator[str]:
    yield from _prose((model.__doc__ or "").strip().partition("\n\n")[0])
    yield head
    kinds = kinds_of(model)
    nested: list[tuple[str, type[BaseModel]]] = []
    for name, field in model.model_fields.items():
        inner = inner_model(field.annotation)
        default = field.get_default(call_default_factory=True)
        if inner is not None and isinstance(default, BaseModel):
            nested.append((name, inner))
            continue
        yield ""
        yield from _prose(f"{field.description} {kinds[name]}".rstrip())
        each = value_model(field.annotation)
        if each is not None:
            yield from _example((*path, name), each)
            continue
        text = _toml(format_size(default) if default and kinds[name] == SIZE else default)
        yield f"#{name} = {text}" if text is not None else f"# {name} = (not set)"
    for name, inner in nested:
        table = ".".join((*path, name))
        yield ""
        yield from _section((*path, name), inner, head=head[: head.index("[")] + f"[{table}]")


def _example(path: tuple[str, ...], model: type[BaseModel]) -> Iterator[str]:
    """One of the sections that a site names, as prose: there is none by default."""
    yield f"# {path[-1]} = (none; each is a section:)"
    yield f"# [{'.'.join(path)}.NAME]"
    kinds = kinds_of(model)
    for name, field in model.model_fields.items():
        yield from _prose(f"  {field.description} {kinds[name]}".rstrip())
        default = field.get_default(call_default_factory=True)
        text = _toml(format_size(default) if default and kinds[name] == SIZE else default)
        yield f"# {name} = {text}" if text is not None else f"# {name} = (not set)"


def _peers(field: FieldInfo) -> Iterator[str]:
    yield from _prose(str(field.description))
    yield "# [peers.workstation]"
    kinds = kinds_of(PeerSettings)
    examples = {"aet": '"WORKSTATION"', "host": '"192.0.2.7"', "port": "104", "tls": "false"}
    for name, peer_field in PeerSettings.model_fields.items():
        yield from _prose(f"  {peer_field.description} {kinds[name]}")
        yield f"# {name} = {examples[name]}"


def _prose(text: str) -> Iterator[str]:
    yield from (f"# {line}" for line in textwrap.wrap(" ".join(text.split()), width=96))


def _toml(value: Any) -> str | None:
    """``value`` in TOML; None for what TOML cannot say."""
    text: str | None = None
    match value:
        case Enum():
            text = _toml(value.value)
        case bool():
            text = "true" if value else "false"
        case int() | float():
            text = repr(value)
        case str() | Path():
            text = json.dumps(str(value), ensure_ascii=False)
        case set() | frozenset():
            text = _toml(sorted(value))
        case list() | tuple():
            items = [_toml(each) for each in value]
            text = f"[{', '.join(item for item in items if item is not None)}]"
        case dict() if not value:
            text = "{}"
    return text
