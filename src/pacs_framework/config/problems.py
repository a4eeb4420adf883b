"""What is wrong with a configuration, one line each: place, value, and the nearest known name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from pacs_framework.config.annotations import inner_model, mentions
from pacs_framework.config.decode import Undecodable
from pacs_framework.config.places import Place, known_keys, locate
from pacs_framework.config.redaction import is_secret_name, without_passwords
from pacs_framework.config.sources import Given, Tree, variable_name
from pacs_framework.errors import ConfigurationError

__all__ = ["as_error", "explain"]


def as_error(problems: Sequence[str], source: str = "") -> ConfigurationError:
    """All problems as one error; ``source`` is the file they may be in."""
    where = f" ({source})" if source else ""
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = "\n".join(f"  {problem}" for problem in problems)
    return ConfigurationError(f"the configuration{where} has {count}:\n{lines}")


def explain(
    model: type[BaseModel],
    tree: Tree,
    error: ValidationError | None,
    undecodable: Iterable[Undecodable] = (),
    *,
    above: tuple[str, ...] = (),
) -> list[str]:
    """Each problem in a line of its own, without repetition.

    ``tree`` is what was written, `Given` included: the content of the section ``above``, such as
    ``("plugin", "store")``, which ``model`` describes.
    """
    lines: list[str] = []
    for each in undecodable:
        place = locate(model, tree, each.keys, above)
        lines.append(f"{place}: {each}, not {_shown(place, place.value)}")
    for details in error.errors(include_url=False) if error is not None else ():
        place = locate(model, tree, details["loc"], above)
        lines.append(_line(place, model, dict(details), above))
    return list(dict.fromkeys(lines))


def _line(
    place: Place, model: type[BaseModel], details: dict[str, Any], above: tuple[str, ...]
) -> str:
    if details["type"] == "extra_forbidden":
        return _unknown(place, model, above)
    if details["type"] == "missing":
        return f"{place}: this key is required"
    message = str(details.get("ctx", {}).get("error") or details["msg"])
    message = message[:1].lower() + message[1:]
    if place.is_section:
        return f"{place}: {message}"
    return f"{place}: {message}, not {_shown(place, details['input'])}"


def _shown(place: Place, value: object) -> str:
    """The value for a message: no secret, and not longer than a line."""
    if is_secret_name(place.key) or mentions(place.annotation, SecretStr, SecretBytes):
        return "what was given"
    text = without_passwords(repr(str(value) if isinstance(value, Given) else value))
    return text if len(text) <= 80 else f"{text[:77]}..."


def _unknown(place: Place, model: type[BaseModel], above: tuple[str, ...]) -> str:
    if place.variable:
        return f"{place.variable}: unknown variable{_guess(_near_variable(place, model, above))}"
    what = "section" if place.is_section else "key" if place.section else "key above all sections"
    return f"{place}: unknown {what}{_guess(_near(place, model, above))}"


def _guess(near: Sequence[str]) -> str:
    return f", did you mean {near[0]}?" if near else ""


def _near_variable(place: Place, model: type[BaseModel], above: tuple[str, ...]) -> list[str]:
    """The variable whose section was left out, else the most similar one."""
    known = {variable_name((*above, *keys)): keys[-1] for keys in known_keys(model)}
    if not place.section and place.key in known.values():
        return [name for name, key in known.items() if key == place.key]
    # What all have in common makes nothing similar.
    common = variable_name(above)
    names = {name.removeprefix(common): name for name in known}
    near = get_close_matches(place.variable.removeprefix(common), names, n=1)
    return [names[each] for each in near]


def _near(place: Place, model: type[BaseModel], above: tuple[str, ...]) -> list[str]:
    """The most similar key of the same section, else the same key in another section."""
    fields = place.neighbours.model_fields if place.neighbours is not None else {}
    for name in get_close_matches(place.key, fields, n=1):
        if inner_model(fields[name].annotation) or name in ("peers", "plugin"):
            return [f"[{'.'.join((*place.section, name))}]"]
        return [repr(name)]
    return [
        f"[{'.'.join((*above, *keys[:-1]))}] {keys[-1]}"
        for keys in known_keys(model)
        if keys[-1] == place.key
    ]
