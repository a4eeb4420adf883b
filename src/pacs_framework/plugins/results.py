"""What REGISTER hooks may return, and the names of what a plugin provides by them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from pacs_framework.conformance.records import Contribution
from pacs_framework.errors import PluginError

__all__ = ["provided_by"]


def provided_by(hook: str, result: object, plugin: str) -> tuple[str, ...]:
    """The names that ``result`` of the REGISTER hook ``hook`` of ``plugin`` provides.

    Of a hook that a plugin offers, that plugin knows what may be returned. Raises `PluginError`
    for a result that the hook does not know.
    """
    if hook == "tables":
        return _tables(result, plugin)
    names_of = _NAMES.get(hook)
    names = () if names_of is None else names_of(result)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise PluginError(f"{hook} returned {repeated[0]!r} twice")
    return names


def _config_model(result: object) -> tuple[str, ...]:
    if not (isinstance(result, type) and issubclass(result, BaseModel)):
        raise PluginError(f"config_models returned {_kind(result)}, not a pydantic model")
    for name, field in result.model_fields.items():
        if field.is_required():
            raise PluginError(f"config_models: {result.__name__}.{name} has no default")
        if not field.description:
            raise PluginError(f"config_models: {result.__name__}.{name} has no description")
    return ()


def _idle_hooks(result: object) -> tuple[str, ...]:
    if isinstance(result, str) or not isinstance(result, Collection):
        raise PluginError(f"idle_hooks returned {_kind(result)}, not a collection of names")
    for name in result:
        if not isinstance(name, str):
            raise PluginError(f"idle_hooks returned {_kind(name)} among the names")
    return ()  # nothing is provided, and several plugins may be idle alike


def _hookspecs(result: object) -> tuple[str, ...]:
    return tuple(n for n, value in vars(result).items() if hasattr(value, "pacs_hook_kind"))


def _tables(result: object, plugin: str) -> tuple[str, ...]:
    names_for = getattr(result, "names_for", None)  # by its shape: SQLAlchemy is slow to import
    if not callable(names_for):
        raise PluginError(f"tables returned {_kind(result)}, not PluginTables")
    names: tuple[str, ...] = names_for(plugin)
    return names


def _schemes(result: object) -> tuple[str, ...]:
    if not isinstance(result, Mapping):
        raise PluginError(
            f"storage_backends returned {_kind(result)}, not a mapping of scheme to function"
        )
    for scheme, factory in result.items():
        if not (isinstance(scheme, str) and callable(factory)):
            raise PluginError(
                f"storage_backends returned {scheme!r}: {_kind(factory)}, "
                f"not a scheme with the function that opens it"
            )
    return tuple(result)


def _contributions(result: object) -> tuple[str, ...]:
    kinds = get_args(Contribution)
    for record in _items("conformance", result):
        if not isinstance(record, kinds):
            known = ", ".join(kind.__name__ for kind in kinds)
            raise PluginError(
                f"conformance returned {_kind(record)}, not a record of "
                f"pacs_framework.conformance.records ({known})"
            )
    return ()  # several plugins may document one SOP class, each in its own role


# The next five by their shape: plugins stand beside the network and below the command line.


def _services(result: object) -> tuple[str, ...]:
    services = _items("dimse_services", result)
    for service in services:
        if not _is_named(service, "serve"):
            raise PluginError(f"dimse_services returned {_kind(service)}, not a DimseService")
    return tuple(service.name for service in services)


def _background(result: object) -> tuple[str, ...]:
    runs = _items("background", result)
    for each in runs:
        if not (_is_named(each, "start") and _is_named(each, "stop")):
            raise PluginError(f"background returned {_kind(each)}, not a Background")
    return tuple(each.name for each in runs)


def _doors(result: object) -> tuple[str, ...]:
    doors = _items("doors", result)
    for door in doors:
        if not (_is_named(door, "start") and _is_named(door, "stop")):
            raise PluginError(f"doors returned {_kind(door)}, not a Door")
    return tuple(door.name for door in doors)


def _options(result: object) -> tuple[str, ...]:
    if not isinstance(result, Mapping):
        raise PluginError(
            f"serve_options returned {_kind(result)}, not a mapping of setting to click option"
        )
    for key, option in result.items():
        if not (isinstance(key, str) and callable(getattr(option, "add_to_parser", None))):
            raise PluginError(
                f"serve_options returned {key!r}: {_kind(option)}, not a setting with an option"
            )
    return tuple(flag for option in result.values() for flag in option.opts)


def _commands(result: object) -> tuple[str, ...]:
    commands = _items("cli_commands", result)
    for command in commands:
        if not _is_named(command, "invoke"):
            raise PluginError(f"cli_commands returned {_kind(command)}, not a named click command")
    return tuple(command.name for command in commands)


def _codecs(result: object) -> tuple[str, ...]:
    for codec in _items("codecs", result):
        # By its shape, as services and commands are.
        syntax = getattr(codec, "transfer_syntax", None)
        if not (isinstance(syntax, str) and callable(getattr(codec, "decode", None))):
            raise PluginError(f"codecs returned {_kind(codec)}, not a Codec")
    return ()  # several plugins may offer the same


def _anonymizers(result: object) -> tuple[str, ...]:
    if not isinstance(result, Mapping):
        raise PluginError(
            f"anonymizers returned {_kind(result)}, not a mapping of name to Anonymizer"
        )
    for name, anonymizer in result.items():
        able = callable(getattr(anonymizer, "anonymize", None))
        if not (isinstance(name, str) and able) or isinstance(anonymizer, type):
            raise PluginError(
                f"anonymizers returned {name!r}: {_kind(anonymizer)}, not a name with an Anonymizer"
            )
    return tuple(result)


def _is_named(value: object, method: str) -> bool:
    named = isinstance(getattr(value, "name", None), str)
    return named and callable(getattr(value, method, None)) and not isinstance(value, type)


def _items(hook: str, result: object) -> list[Any]:
    if isinstance(result, str) or not isinstance(result, Sequence):
        raise PluginError(f"{hook} returned {_kind(result)}, not a sequence")
    return list(result)


def _kind(value: object) -> str:
    return f"a {type(value).__name__!r}"


_NAMES: dict[str, Callable[[object], tuple[str, ...]]] = {
    "add_hookspecs": _hookspecs,
    "config_models": _config_model,
    "idle_hooks": _idle_hooks,
    "storage_backends": _schemes,
    "codecs": _codecs,
    "anonymizers": _anonymizers,
    "dimse_services": _services,
    "background": _background,
    "doors": _doors,
    "serve_options": _options,
    "cli_commands": _commands,
    "conformance": _contributions,
}
