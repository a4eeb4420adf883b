"""What the service answers, told by itself: Retrieve Capabilities (PS3.18 8.9).

It is made of the routes as they are declared, so nothing is told that is not answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from xml.etree import ElementTree as ET

from pacs_dicomweb.accept import accepted, not_acceptable
from pacs_dicomweb.located import ROOT
from pacs_http.api import (
    Action,
    Answer,
    Level,
    Parameter,
    Request,
    Response,
    Route,
    json_response,
)

__all__ = ["JSON", "WADL", "capabilities_route"]

WADL = "application/vnd.sun.wadl+xml"
JSON = "application/json"
_NAMESPACE = "http://wadl.dev.java.net/2009/02"
_TYPES = {"integer": "xs:int", "number": "xs:double", "boolean": "xs:boolean"}
_XSD = "http://www.w3.org/2001/XMLSchema"


def capabilities_route(routes: Sequence[Route]) -> Route:
    """``OPTIONS`` of the service, which tells of ``routes``."""
    return Route(
        method="OPTIONS",
        path=ROOT,
        handler=partial(_answer, tuple(routes)),
        level=Level.SYSTEM,
        action=Action.READ,
        summary="What this service answers (Retrieve Capabilities)",
        answers={200: Answer("All resources with their methods", media_types=(WADL, JSON))},
    )


def _answer(routes: Sequence[Route], request: Request) -> Response:
    base = f"{request.base_url}{ROOT}/"
    for each in accepted(request):
        if each.takes(WADL) or each.takes("application/xml"):
            return Response(media_type=WADL, body=_wadl(routes, base))
        if each.takes(JSON):
            return json_response(_described(routes, base))
    raise not_acceptable([WADL, JSON])


def _by_path(routes: Iterable[Route]) -> Mapping[str, list[Route]]:
    """The methods of each resource; paths are relative to the service."""
    found: dict[str, list[Route]] = {}
    for route in routes:
        path = route.path.removeprefix(ROOT).strip("/").replace(":path}", "}")
        found.setdefault(path, []).append(route)
    return found


def _described(routes: Sequence[Route], base: str) -> dict[str, Any]:
    resources = [
        {"path": path, "methods": [_method(route) for route in several]}
        for path, several in _by_path(routes).items()
    ]
    return {"application": {"resources": {"base": base, "resource": resources}}}


def _method(route: Route) -> dict[str, Any]:
    return {
        "name": route.method,
        "doc": route.summary,
        "request": {
            "param": [
                {
                    "name": each.name,
                    "style": each.where,
                    "type": each.type,
                    "repeating": each.repeated,
                    "required": each.required,
                }
                for each in route.parameters
            ],
            "representation": list(route.takes.media_types) if route.takes else [],
        },
        "response": [
            {"status": status, "doc": answer.description, "representation": [*answer.media_types]}
            for status, answer in sorted(route.answers.items())
        ],
    }


def _wadl(routes: Sequence[Route], base: str) -> bytes:
    root = ET.Element("application", {"xmlns": _NAMESPACE, "xmlns:xs": _XSD})
    resources = ET.SubElement(root, "resources", base=base)
    for path, several in _by_path(routes).items():
        resource = ET.SubElement(resources, "resource", path=path)
        for name in _templates(path):
            attributes = {"name": name, "style": "template", "type": "xs:string"}
            ET.SubElement(resource, "param", attributes)
        for route in several:
            _add_method(resource, route)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root)


def _templates(path: str) -> Iterator[str]:
    return (part[1:-1] for part in path.split("/") if part.startswith("{"))


def _add_method(resource: ET.Element, route: Route) -> None:
    method = ET.SubElement(resource, "method", name=route.method)
    ET.SubElement(method, "doc", title=route.summary)
    asked = ET.SubElement(method, "request")
    for parameter in route.parameters:
        ET.SubElement(asked, "param", _attributes(parameter))
    for media_type in route.takes.media_types if route.takes else ():
        ET.SubElement(asked, "representation", mediaType=media_type)
    for status, answer in sorted(route.answers.items()):
        response = ET.SubElement(method, "response", status=str(status))
        for media_type in answer.media_types:
            ET.SubElement(response, "representation", mediaType=media_type)


def _attributes(parameter: Parameter) -> dict[str, str]:
    return {
        "name": parameter.name,
        "style": parameter.where,
        "type": _TYPES.get(parameter.type, "xs:string"),
        "repeating": str(parameter.repeated).lower(),
        "required": str(parameter.required).lower(),
    }
