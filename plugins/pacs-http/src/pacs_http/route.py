"""What a plugin declares of a route: nobody has to parse an address to know what it is about."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from pacs_http.problems import Problem

if TYPE_CHECKING:
    from pacs_http.channel import Channel
    from pacs_http.request import Request
    from pacs_http.response import Response

__all__ = [
    "METHODS",
    "Action",
    "Answer",
    "Level",
    "Parameter",
    "Resource",
    "Route",
    "Takes",
    "resource_of_path",
    "segments_of",
]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_PARAMETER = re.compile(r"\{([a-z][a-z0-9_]*)(:path)?\}")
_LITERAL = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]+")
_UID = re.compile(r"[0-9][0-9.]{0,63}")


class Level(StrEnum):
    """What is answered with, or acted on."""

    SYSTEM = "system"
    PATIENT = "patient"
    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"
    FRAME = "frame"
    BULK = "bulk"
    WORKITEM = "workitem"


class Action(StrEnum):
    """What is done with it."""

    READ = "read"
    SEARCH = "search"
    WRITE = "write"
    DELETE = "delete"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What a request names: UIDs and a Patient ID, each empty where it names none."""

    patient: str = ""
    study: str = ""
    series: str = ""
    instance: str = ""

    def __post_init__(self) -> None:
        for name in ("study", "series", "instance"):
            if (value := getattr(self, name)) and not _UID.fullmatch(value):
                raise Problem(
                    HTTPStatus.BAD_REQUEST,
                    f"the {name} in the address is no UID: 1 to 64 digits and periods",
                )

    @property
    def is_named(self) -> bool:
        """Whether it names anything of a patient."""
        return bool(self.patient or self.study or self.series or self.instance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of the query or a header, for OpenAPI; a route reads and checks it itself."""

    name: str
    description: str
    where: Literal["query", "header"] = "query"
    type: Literal["string", "integer", "number", "boolean"] = "string"
    required: bool = False
    repeated: bool = False
    minimum: int | None = None
    enum: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """The body that a route takes.

    Other media types than ``media_types`` are answered with 415, where any are named. ``limit``
    bounds this route in bytes; None is the setting ``max_body``, 0 no limit.
    """

    media_types: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A status that a route answers with, for OpenAPI."""

    description: str
    media_types: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None


def resource_of_path(request: Request) -> Resource:
    """The resource that the path names by ``{patient}``, ``{study}``, ``{series}``,
    ``{instance}``.
    """
    named = request.path_parameters
    return Resource(
        patient=named.get("patient", ""),
        study=named.get("study", ""),
        series=named.get("series", ""),
        instance=named.get("instance", ""),
    )


def upgrade_required(request: Request) -> Response:
    """The answer to one who asks for a WebSocket's address without asking for a WebSocket."""
    del request
    raise Problem(
        HTTPStatus.UPGRADE_REQUIRED,
        "here is a WebSocket: ask for it as RFC 6455 says, in version 13",
        headers=[
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
        ],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method on one pattern of addresses.

    method
        Of GET follows HEAD.
    path
        Begins with ``/``. ``{name}`` is one segment, ``{name:path}`` at the end all that follow.
        The names ``patient``, ``study``, ``series`` and ``instance`` say what the request is about,
        and nothing else may be called so.
    handler
        A blocking function, called in a thread of the request's own. It returns a `Response`, or
        raises a `Problem` or any other exception.
    opens
        What is spoken with one who asks for a WebSocket at this address (RFC 6455): called as the
        handler is, it returns a `Channel` or raises a `Problem`, which is answered instead. Only
        for GET. Without a handler beside it, GET alone is answered with 426.
    level, action
        What access, audit and metrics go by.
    summary, description, parameters, answers
        For the OpenAPI document.
    takes
        The body; a request with one is answered with 400 where there is none.
    resource
        Where a request names its resource otherwise than in the path. It sees the request before
        anybody knows who asks.
    scoped
        The handler asks ``request.scope`` itself and gives no more than it admits. Without it, one
        who may see only a part of what is asked for is refused.
    public
        Answered without login and without being decided on; never for anything of a patient.

    Raises ValueError for a declaration that contradicts itself.
    """

    method: str
    path: str
    handler: Callable[[Request], Response] = upgrade_required
    opens: Callable[[Request], Channel] | None = None
    level: Level
    action: Action
    summary: str
    description: str = ""
    parameters: Sequence[Parameter] = ()
    takes: Takes | None = None
    answers: Mapping[int, Answer] = field(default_factory=dict)
    resource: Callable[[Request], Resource] | None = None
    scoped: bool = False
    public: bool = False

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"{self.name}: the method is none of {', '.join(METHODS)}")
        segments_of(self.path)
        if self.public and self.level is not Level.SYSTEM:
            raise ValueError(f"{self.name}: only what is about the system can be public")
        if self.opens is None and self.handler is upgrade_required:
            raise ValueError(f"{self.name}: there is neither a handler nor what it opens")
        if self.opens is not None and (self.method != "GET" or self.public):
            raise ValueError(f"{self.name}: a WebSocket is opened by GET, and never a public one")

    @property
    def name(self) -> str:
        """Method and path, as logs and messages call the route."""
        return f"{self.method} {self.path}"

    def resource_of(self, request: Request) -> Resource:
        """What ``request`` is about. Raises `Problem` where it names it badly."""
        return (self.resource or resource_of_path)(request)


@cache
def segments_of(path: str) -> tuple[str | tuple[str, bool], ...]:
    """The segments of a pattern: literals as they are, parameters as (name, takes the rest).

    Raises ValueError for a pattern that is none.
    """
    if not path.startswith("/"):
        raise ValueError(f"path {path!r} does not begin with /")
    parts = path[1:].split("/") if path != "/" else []
    segments: list[str | tuple[str, bool]] = []
    for place, part in enumerate(parts, 1):
        if found := _PARAMETER.fullmatch(part):
            rest = found[2] is not None
            if rest and place != len(parts):
                raise ValueError(f"path {path!r}: {part} takes the rest, and is not at the end")
            segments.append((found[1], rest))
        elif _LITERAL.fullmatch(part):
            segments.append(part)
        else:
            raise ValueError(f"path {path!r}: segment {part!r} is neither plain nor {{name}}")
    names = [each[0] for each in segments if isinstance(each, tuple)]
    if len(set(names)) != len(names):
        raise ValueError(f"path {path!r} names a parameter twice")
    return tuple(segments)
