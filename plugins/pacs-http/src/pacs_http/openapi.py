"""The OpenAPI document of the routes, from what they declare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pacs_framework import __version__
from pacs_http.problems import MEDIA_TYPE
from pacs_http.route import Answer, Parameter, Route, Takes, segments_of

__all__ = ["document"]

_UID = {"type": "string", "pattern": r"^[0-9][0-9.]{0,63}$"}
_UIDS = {"study", "series", "instance"}
_PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail", "instance"],
}


def document(routes: Iterable[Route], base_url: str) -> dict[str, Any]:
    """OpenAPI 3.1 for ``routes``, to be asked at ``base_url``."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operations = paths.setdefault(route.path.replace(":path}", "}"), {})
        operations[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "pacs-framework", "version": __version__},
        "servers": [{"url": base_url}],
        "security": [{"basic": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": {"Problem": _PROBLEM},
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": re.sub(r"[^a-z0-9]+", "_", route.name.lower()).strip("_"),
        "summary": route.summary,
        "parameters": [*_of_path(route), *map(_parameter, route.parameters)],
        "responses": _responses(_answers(route)),
        "x-pacs-level": route.level.value,
        "x-pacs-action": route.action.value,
    }
    if route.description:
        operation["description"] = route.description
    if route.takes is not None:
        operation["requestBody"] = _body(route.takes)
    if route.public:
        operation["security"] = []
    return operation


def _answers(route: Route) -> Mapping[int, Answer]:
    """OpenAPI has no WebSockets: they are what a GET switches to."""
    return {101: Answer("a WebSocket"), **route.answers} if route.opens else route.answers


def _of_path(route: Route) -> list[dict[str, Any]]:
    names = [part[0] for part in segments_of(route.path) if isinstance(part, tuple)]
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _UID if name in _UIDS else {"type": "string", "minLength": 1},
        }
        for name in names
    ]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": parameter.type}
    if parameter.minimum is not None:
        schema["minimum"] = parameter.minimum
    if parameter.enum:
        schema["enum"] = list(parameter.enum)
    if parameter.repeated:
        schema = {"type": "array", "items": schema}
    return {
        "name": parameter.name,
        "in": parameter.where,
        "description": parameter.description,
        "required": parameter.required,
        "schema": schema,
    }


def _body(takes: Takes) -> dict[str, Any]:
    kinds = takes.media_types or ("*/*",)
    schema = dict(takes.schema) if takes.schema else {}
    return {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}


def _responses(answers: Mapping[int, Answer]) -> dict[str, Any]:
    responses: dict[str, Any] = {
        str(status): {"description": answer.description, **_content(answer)}
        for status, answer in answers.items()
    }
    responses["default"] = {
        "description": "what is wrong, as problem details (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    return responses


def _content(answer: Answer) -> dict[str, Any]:
    if not answer.media_types:
        return {}
    schema = dict(answer.schema) if answer.schema else {}
    return {"content": {kind: {"schema": schema} for kind in answer.media_types}}
