"""Rule files for pixels: those that come with the plugin by name, a site's own by path."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from pacs_anonymize.pixels.document import PixelDocument
from pacs_anonymize.pixels.recipe import is_recipe, read_recipe
from pacs_anonymize.pixels.rules import PixelRule, rules_of
from pacs_anonymize.profiles.document import Document
from pacs_anonymize.profiles.problems import Problem, UnreadableProfile, problems_of
from pacs_framework.errors import ConfigurationError

__all__ = [
    "SHIPPED_RULES",
    "STANDARD",
    "is_pixel_document",
    "pixel_rules",
    "read_pixel_document",
    "shipped_rules_text",
]

STANDARD = "standard"
"""What DICOM itself tells; taken where a profile names no rules."""

SHIPPED_RULES = (STANDARD,)


def pixel_rules(names: Iterable[str | Path]) -> tuple[PixelRule, ...]:
    """The rules of all files that are named, one after the other; without any, the standard ones.

    Raises `ConfigurationError` for a file that cannot be read, or has a fault.
    """
    given = tuple(names) or (STANDARD,)
    return tuple(rule for name in given for rule in rules_of(_document(str(name)).pixels))


@lru_cache(maxsize=32)
def _shipped(name: str) -> PixelDocument:
    return read_pixel_document(shipped_rules_text(name), name)


def shipped_rules_text(name: str) -> str:
    """The text of a rule file that comes with this plugin."""
    return (files("pacs_anonymize.pixels") / "rules" / f"{name}.toml").read_text("utf-8")


def is_pixel_document(text: str) -> bool:
    """Whether a text is a file of rules for pixels and nothing else, right or wrong."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return "pixels" in content and not content.keys() & Document.model_fields.keys() - {
        "description",
        "pixels",
    }


def _document(name: str) -> PixelDocument:
    if name in SHIPPED_RULES:
        return _shipped(name)
    try:
        text = Path(name).read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"the pixel rules {name!r} cannot be read: {error.strerror} (those that come with the "
            f"plugin are: {', '.join(SHIPPED_RULES)})"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"the pixel rules {name!r} are not in UTF-8") from error
    if is_recipe(text):
        return _of_recipe(text, name)
    return read_pixel_document(text, name)


def _of_recipe(text: str, name: str) -> PixelDocument:
    """A recipe of deid, where all of it was understood: a rule that is left out may be missed."""
    recipe = read_recipe(text)
    if recipe.problems or not recipe.entries:
        raise ConfigurationError(
            f"{name!r} is a recipe of deid, and {len(recipe.problems)} of its rules cannot be "
            f"understood; `pacs anonymize import-recipe` tells which, and writes the others"
        )
    return PixelDocument(description=f"the recipe {name}", pixels=recipe.entries)


def read_pixel_document(text: str, source: str) -> PixelDocument:
    """What a rule file says. Raises `UnreadableProfile` with every problem."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnreadableProfile(source, (Problem("", f"not valid TOML: {error}"),)) from error
    try:
        return PixelDocument.model_validate(content)
    except ValidationError as error:
        raise UnreadableProfile(source, tuple(problems_of(error))) from None
