"""Where settings come from: the TOML file, the environment, the command line; later ones win.

The three become one tree of tables. Text in it is `Given`, which remembers its source, so that a
message can name the variable, and a relative path starts where it was written.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from pacs_framework.errors import ConfigurationError

__all__ = ["CONFIG_VARIABLE", "PREFIX", "Given", "Tree", "gather", "variable_name"]

PREFIX = "PACS_"
CONFIG_VARIABLE = "PACS_CONFIG"
_NESTING = "__"
_FREE_NAMES = (("peers",), ("plugin",), ("plugins", "limits"))  # tables whose keys a site names

Tree = dict[str, Any]


class Given(str):
    """Text of a setting and its source: an environment variable, or the folder of its file."""

    __slots__ = ("folder", "variable")

    folder: Path | None
    variable: str

    def __new__(cls, text: str, *, folder: Path | None = None, variable: str = "") -> Self:
        """Text from a file in ``folder``, from ``variable``, or from neither."""
        given = super().__new__(cls, text)
        given.folder = folder
        given.variable = variable
        return given


def gather(path: Path | None, environment: Mapping[str, str], overrides: Mapping[str, Any]) -> Tree:
    """The file at ``path``, over it the environment, over both ``overrides``.

    ``overrides`` is nested like the file or has dotted keys; a None in it says nothing. Raises
    `ConfigurationError` for a file that cannot be read and for variables that contradict each
    other.
    """
    tree = _from_file(path) if path is not None else {}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name != CONFIG_VARIABLE:
            _overlay_variable(tree, name, environment[name])
    for keys, value in _leaves(overrides):
        _put(tree, keys, Given(value) if isinstance(value, str) else value)
    return tree


def variable_name(keys: tuple[str, ...]) -> str:
    """The environment variable of a setting: ``PACS_NETWORK__PORT``."""
    return PREFIX + _NESTING.join(key.upper().replace("-", "_") for key in keys)


def _from_file(path: Path) -> Tree:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{str(path)!r} is not UTF-8 text: {error.reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{str(path)!r} is not valid TOML: {error}") from error
    tree: Tree = _marked(content, path.absolute().parent)
    return tree


def _marked(value: Any, folder: Path) -> Any:
    if isinstance(value, str):
        return Given(value, folder=folder)
    if isinstance(value, dict):
        return {key: _marked(each, folder) for key, each in value.items()}
    if isinstance(value, list):
        return [_marked(each, folder) for each in value]
    return value


def _overlay_variable(tree: Tree, name: str, text: str) -> None:
    """Put the text of one variable in its place.

    Names that a site gives (of peers, of plugins) are matched with those of the file without regard
    to case and to hyphens; a new name is taken in lower case with hyphens.
    """
    keys = name.removeprefix(PREFIX).lower().split(_NESTING)
    for above in _FREE_NAMES:
        place = len(above)
        if tuple(keys[:place]) == above and len(keys) > place:
            keys[place] = _existing(_table_at(tree, above), keys[place])
    _put(tree, tuple(keys), Given(text, variable=name))


def _table_at(tree: Tree, keys: tuple[str, ...]) -> object:
    table: object = tree
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table


def _existing(table: object, key: str) -> str:
    for name in table if isinstance(table, dict) else ():
        if name.lower().replace("-", "_") == key:
            return str(name)
    return key.replace("_", "-")


def _put(tree: Tree, keys: tuple[str, ...], value: Any) -> None:
    table = tree
    for depth, key in enumerate(keys[:-1]):
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigurationError(
                f"{variable_name(keys)} sets a part of {variable_name(keys[: depth + 1])}, which "
                f"is set as a whole too; keep one of them"
            )
        table = inner
    table[keys[-1]] = value


def _leaves(
    tree: Mapping[str, Any], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for dotted, value in tree.items():
        keys = (*above, *dotted.split("."))
        if isinstance(value, Mapping):
            yield from _leaves(value, keys)
        elif value is not None:
            yield keys, str(value) if isinstance(value, Path) else value
