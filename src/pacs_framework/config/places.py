"""Where in the configuration a problem is, in the words of the one who wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from pacs_framework.config.annotations import inner_model, value_model
from pacs_framework.config.sources import Given, Tree

__all__ = ["Place", "known_keys", "locate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A key, the section around it, and what was written there.

    ``value`` is None where nothing was written. ``variable`` is the environment variable that it
    came from, if any. ``neighbours`` is the model of the section; None where it is not known.
    """

    section: tuple[str, ...]
    key: str
    value: Any
    variable: str
    neighbours: type[BaseModel] | None
    annotation: Any

    @property
    def is_section(self) -> bool:
        """Whether a whole table is meant, not a value."""
        return isinstance(self.value, dict)

    def __str__(self) -> str:
        names = (*self.section, self.key) if self.is_section and self.key else self.section
        table = f"[{'.'.join(names)}]" if names else ""
        key = "" if self.is_section else self.key
        text = " ".join(part for part in (table, key) if part) or "all sections together"
        return f"{text} (from {self.variable})" if self.variable else text


def locate(
    model: type[BaseModel], tree: Tree, location: Sequence[str | int], above: tuple[str, ...] = ()
) -> Place:
    """The place of a location that pydantic names; it may go on inside of pydantic's own types.

    ``tree`` is the content of the section ``above``, which ``model`` describes.
    """
    section, key, variable = above, "", ""
    neighbours: type[BaseModel] | None = None
    annotation: Any = model
    value: Any = tree
    for part in location:
        if isinstance(value, dict):
            section = (*section, key) if key else section
            neighbours, annotation = inner_model(annotation), _inside(annotation, part)
            key, value = str(part), value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            key, value = f"{key}[{part}]", value[part]
        else:
            break
        if isinstance(value, Given) and value.variable:
            variable = value.variable
    return Place(
        section=section,
        key=key,
        value=value,
        variable=variable,
        neighbours=neighbours,
        annotation=annotation,
    )


def _inside(annotation: Any, key: str | int) -> Any:
    """The annotation of what stands at ``key`` in a table of this annotation."""
    model = inner_model(annotation)
    if model is None:
        return value_model(annotation) or Any
    field = model.model_fields.get(str(key))
    return field.annotation if field is not None else Any


def known_keys(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key of ``model`` and of the sections in it, from the outside in."""
    for name, field in model.model_fields.items():
        inner = inner_model(field.annotation)
        if inner is None:
            yield (*above, name)
        else:
            yield from known_keys(inner, (*above, name))
