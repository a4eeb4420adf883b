"""The settings that decide conformance: their defaults, and their values in this installation.

Only settings that are named are printed: those below, and those that a plugin publishes. Of a file
only whether it is set, of a secret nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pacs_framework.config import Settings
from pacs_framework.config.redaction import HIDDEN, is_secret_name, without_passwords
from pacs_framework.conformance.statement import Parameter
from pacs_framework.errors import PluginError

__all__ = ["kernel_parameters", "plugin_parameters"]

_ARCHIVE = ("aet", "duplicates")


def kernel_parameters(settings: Settings) -> tuple[Parameter, ...]:
    """The kernel's settings of the DICOM port, of TLS on it, and of duplicates."""
    network = settings.network
    names = [name for name in type(network).model_fields if name != "tls"]
    return (
        *_parameters("archive", settings.archive, _ARCHIVE),
        *_parameters("network", network, names),
        *_parameters("network.tls", network.tls, type(network.tls).model_fields),
    )


def plugin_parameters(
    plugin: str, settings: BaseModel | None, names: Iterable[str]
) -> tuple[Parameter, ...]:
    """The settings of a plugin that it publishes. Raises `PluginError` for a name it has not."""
    wanted = list(names)
    known = type(settings).model_fields if settings is not None else {}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise PluginError(
            f"conformance of plugin {plugin!r} publishes the setting {unknown[0]!r}, which its "
            f"section does not have (known: {', '.join(known) or 'none'})"
        )
    if settings is None:
        return ()
    return tuple(_parameters(f"plugin.{plugin}", settings, wanted))


def _parameters(section: str, model: BaseModel, names: Iterable[str]) -> Iterator[Parameter]:
    for name in names:
        field = type(model).model_fields[name]
        default = field.get_default(call_default_factory=True)
        yield Parameter(
            section=section,
            name=name,
            default=_text(name, default),
            value=_text(name, getattr(model, name)),
            description=" ".join((field.description or "").split()),
        )


def _text(name: str, value: object) -> str:
    plain = _plain(name, value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _plain(name: str, value: object) -> Any:
    """A value as JSON knows it, without paths and secrets."""
    if is_secret_name(name) and value:
        return HIDDEN
    plain: Any
    match value:
        case None:
            plain = "not set"
        case Path():
            plain = "set"
        case Enum():
            plain = _plain(name, value.value)
        case bool() | int() | float():
            plain = value
        case BaseModel():
            plain = {key: _plain(key, each) for key, each in value}
        case Mapping():
            plain = {str(key): _plain(str(key), each) for key, each in value.items()}
        case set() | frozenset():
            plain = sorted((_plain(name, each) for each in value), key=str)
        case list() | tuple():
            plain = [_plain(name, each) for each in value]
        case _:
            plain = without_passwords(str(value))
    return plain
