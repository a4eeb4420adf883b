"""Finding the route of an address, segment by segment, decoded once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from pacs_framework.errors import ConfigurationError
from pacs_http.problems import Problem
from pacs_http.route import Route, segments_of

__all__ = ["Match", "Router", "decoded_segments"]

_strange = re.compile(r"[\x00-\x1f\x7f/\\]").search


@dataclass(frozen=True, slots=True)
class Match:
    """A route, and the values of its parameters."""

    route: Route
    values: dict[str, str]


@dataclass(slots=True)
class _Node:
    """What may follow at one place of an address."""

    literals: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    routes: dict[str, Route] = field(default_factory=dict)
    rests: dict[str, Route] = field(default_factory=dict)


class Router:
    """The routes of all plugins: (name of the plugin, its routes).

    A literal segment goes before a parameter, and a parameter before the rest of an address.
    Raises `ConfigurationError` for two routes of one method and pattern.
    """

    def __init__(self, provided: Iterable[tuple[str, Sequence[Route]]]) -> None:
        self._root = _Node()
        self._owners: dict[int, str] = {}
        self.routes: list[Route] = []
        for plugin, routes in provided:
            for route in routes:
                self._add(plugin, route)

    def owner(self, route: Route) -> str:
        """The plugin that a route is of."""
        return self._owners[id(route)]

    def _add(self, plugin: str, route: Route) -> None:
        node, routes = self._root, None
        for segment in segments_of(route.path):
            if isinstance(segment, str):
                node = node.literals.setdefault(segment, _Node())
            elif segment[1]:
                routes = node.rests
            else:
                node.parameter = node.parameter or _Node()
                node = node.parameter
        routes = node.routes if routes is None else routes
        other = routes.setdefault(route.method, route)
        if other is not route:
            raise ConfigurationError(
                f"{route.name} of plugin {plugin!r} answers what {other.name} of plugin "
                f"{self._owners[id(other)]!r} answers; name one of them in [plugins] deny"
            )
        self._owners[id(route)] = plugin
        self.routes.append(route)

    def find(self, method: str, raw_path: bytes) -> Match:
        """The route for an address as it was sent. Raises `Problem` 400, 404 and 405."""
        segments = decoded_segments(raw_path)
        allowed: set[str] = set()
        for routes in self._candidates(self._root, segments):
            route = routes.get(method) or (routes.get("GET") if method == "HEAD" else None)
            if route is not None:
                return Match(route, _values(route, segments))
            allowed.update(routes)
        if not allowed:
            raise Problem(HTTPStatus.NOT_FOUND, "there is nothing at this address")
        raise Problem(
            HTTPStatus.METHOD_NOT_ALLOWED,
            f"this address knows {', '.join(methods_with(allowed))}",
            headers=[("Allow", ", ".join(methods_with(allowed)))],
        )

    def _candidates(self, node: _Node, segments: Sequence[str]) -> Iterator[dict[str, Route]]:
        if not segments:
            if node.routes:
                yield node.routes
            return
        first, rest = segments[0], segments[1:]
        if first in node.literals:
            yield from self._candidates(node.literals[first], rest)
        if node.parameter is not None and first:
            yield from self._candidates(node.parameter, rest)
        if node.rests and first:
            yield node.rests


def methods_with(methods: Iterable[str]) -> list[str]:
    """Methods as Allow lists them: HEAD follows from GET, and OPTIONS is always there."""
    known = {*methods, "OPTIONS"}
    return sorted(known | ({"HEAD"} if "GET" in known else set()))


def decoded_segments(raw_path: bytes) -> list[str]:
    """The segments of a path as sent, each decoded once. Raises `Problem` 400 for tricks: what
    decodes to ``.``, ``..``, a slash, a backslash, control characters, or is no UTF-8.
    """
    if raw_path in {b"", b"/"}:
        return []
    segments = [_decoded(each) for each in raw_path.lstrip(b"/").split(b"/")]
    if raw_path.startswith(b"//"):
        segments.insert(0, "")
    return segments


def _decoded(raw: bytes) -> str:
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(HTTPStatus.BAD_REQUEST, "the address is not encoded as UTF-8") from None
    if _strange(text) or text in {".", ".."}:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "a segment of the address holds a slash, a control character, or dots alone",
        )
    return text


def _values(route: Route, segments: Sequence[str]) -> dict[str, str]:
    values = {}
    for place, part in enumerate(segments_of(route.path)):
        if isinstance(part, tuple):
            name, rest = part
            values[name] = "/".join(segments[place:]) if rest else segments[place]
    return values
