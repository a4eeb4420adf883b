"""What may be written for a setting, in words: read from the JSON schema of its model."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

__all__ = ["SIZE", "kinds_of"]

SIZE = 'Size in bytes, or text such as "64 MiB".'
"""The sentence of a setting that counts bytes."""

_NAMES = {
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "string": "text",
    "array": "a list",
    "object": "a table",
}
_FORMATS = {"size": SIZE[0].lower() + SIZE[1:-1], "path": "a path"}

# What the default shows, or the description says with more words.
_SAID_BY_THE_DEFAULT = ("", "text", "true or false", "a path", "a table", "seconds")


def kinds_of(model: type[BaseModel]) -> dict[str, str]:
    """Field → a sentence such as ``One of "none", "optional", "required".``, empty if unknown."""
    schema = model.model_json_schema(by_alias=False)
    definitions = schema.get("$defs", {})
    return {
        name: _sentence(schema.get("properties", {}).get(name, {}), definitions)
        for name in model.model_fields
    }


def _sentence(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    text = _kind(schema, definitions)
    return "" if text in _SAID_BY_THE_DEFAULT else f"{text[:1].upper()}{text[1:]}."


def _kind(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in schema:
        schema = {**definitions.get(str(schema["$ref"]).rpartition("/")[2], {}), **schema}
    if "enum" in schema:
        return "one of " + ", ".join(_quoted(each) for each in schema["enum"])
    if "anyOf" in schema:
        kinds = [_kind(each, definitions) for each in schema["anyOf"]]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind))
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    if schema.get("format") == "seconds":
        return "seconds" + _limits(schema)
    if schema.get("type") == "array":
        inner = _kind(schema.get("items", {}), definitions)
        return f"a list of: {inner}" if inner else "a list"
    name = _NAMES.get(str(schema.get("type")), "")
    return name + _limits(schema) if name else ""


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _limits(schema: dict[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    above = schema.get("exclusiveMinimum")
    if least is not None and most is not None:
        return f" from {least} to {most}"
    if least is not None:
        return f", at least {least}"
    if above is not None:
        return f" above {above}"
    return f", at most {most}" if most is not None else ""
