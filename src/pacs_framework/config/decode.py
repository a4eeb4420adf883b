"""From what was written to what a model validates: JSON in variables, paths, plain text.

pydantic does the rest. What it would let pass too easily is refused here: ``port = true`` is not
port 1.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pacs_framework.config.annotations import inner_model, is_container, mentions, value_model
from pacs_framework.config.sources import Given, Tree

__all__ = ["Undecodable", "decode"]


class Undecodable(ValueError):
    """A value that cannot even be given to the model; ``keys`` is its place."""

    def __init__(self, keys: tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.keys = keys


def decode(
    model: type[BaseModel], tree: Tree, above: tuple[str, ...] = ()
) -> tuple[Tree, list[Undecodable]]:
    """``tree`` as plain values for ``model``, without those that are in the list of problems."""
    decoded: Tree = {}
    problems: list[Undecodable] = []
    for key, value in tree.items():
        field = model.model_fields.get(key)
        annotation = field.annotation if field is not None else Any
        try:
            decoded[key], more = _value(annotation, value, (*above, key))
        except Undecodable as problem:
            problems.append(problem)
        else:
            problems += more
    return decoded, problems


def _value(annotation: Any, value: Any, keys: tuple[str, ...]) -> tuple[Any, list[Undecodable]]:
    if isinstance(value, Given) and value.variable and is_container(annotation):
        value = _json(value, keys)
    if isinstance(value, dict):
        return _table(annotation, value, keys)
    if (
        isinstance(value, bool)
        and mentions(annotation, int, float)
        and not mentions(annotation, bool)
    ):
        raise Undecodable(keys, "a number is needed")
    return _plain(annotation, value), []


def _table(annotation: Any, value: Tree, keys: tuple[str, ...]) -> tuple[Any, list[Undecodable]]:
    if model := inner_model(annotation):
        return decode(model, value, keys)
    each = value_model(annotation)
    if each is None:
        return _plain(annotation, value), []
    decoded: Tree = {}
    problems: list[Undecodable] = []
    for name, inner in value.items():
        if isinstance(inner, dict):
            decoded[name], more = decode(each, inner, (*keys, name))
            problems += more
        else:
            decoded[name] = _plain(annotation, inner)
    return decoded, problems


def _json(value: Given, keys: tuple[str, ...]) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise Undecodable(keys, f"lists and tables are written as JSON here ({error})") from error


def _plain(annotation: Any, value: Any) -> Any:
    """``value`` without `Given`; relative paths of a file start at the folder of the file.

    In a table that no model describes (``[plugin.NAME]`` before its model is known) everything
    stays as it is.
    """
    if isinstance(value, Given):
        if value.folder is not None and value and mentions(annotation, Path):
            return str(value.folder / Path(value).expanduser())
        return str(value)
    if isinstance(value, list):
        return [_plain(annotation, each) for each in value]
    if isinstance(value, dict):
        return {key: _plain(annotation, each) for key, each in value.items()}
    return value
