"""What the annotation of a field lets in: containers, models, paths."""

from __future__ import annotations

from collections import abc
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel

__all__ = ["inner_model", "is_container", "mentions", "value_model"]

_CONTAINERS = (
    list,
    tuple,
    set,
    frozenset,
    dict,
    BaseModel,
    abc.Sequence,
    abc.Set,
    abc.Mapping,
)


def _arms(annotation: Any) -> list[Any]:
    """The members of a union, without Annotated around them; the annotation itself otherwise."""
    origin = get_origin(annotation)
    if origin is None or _is_class(origin, _CONTAINERS):
        return [annotation]
    return [arm for each in get_args(annotation) for arm in _arms(each)]


def _is_class(value: Any, classes: tuple[type, ...]) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, classes)
        and not issubclass(value, str | bytes | Path)
    )


def is_container(annotation: Any) -> bool:
    """Whether a list, a table or a model may stand here."""
    return any(_is_class(get_origin(arm) or arm, _CONTAINERS) for arm in _arms(annotation))


def inner_model(annotation: Any) -> type[BaseModel] | None:
    """The model that a table here becomes, or None."""
    for arm in _arms(annotation):
        if isinstance(arm, type) and get_origin(arm) is None and issubclass(arm, BaseModel):
            return arm
    return None


def value_model(annotation: Any) -> type[BaseModel] | None:
    """The model of the values where ``annotation`` is a mapping to models, or None."""
    for arm in _arms(annotation):
        arguments = get_args(arm)
        if len(arguments) == 2 and _is_class(get_origin(arm), (dict, abc.Mapping)):
            return inner_model(arguments[1])
    return None


def mentions(annotation: Any, *classes: type) -> bool:
    """Whether one of ``classes`` occurs anywhere in ``annotation``."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return issubclass(annotation, classes)
    return any(mentions(each, *classes) for each in get_args(annotation))
