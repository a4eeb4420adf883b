"""What plugins that answer by HTTP import; it costs next to nothing.

`Route` declares what is answered, `Request` and `Response` are what a handler gets and gives,
`Problem` is any other answer, `Scope` says what the one who asks may see, `Channel` is a WebSocket
that a route opens.
"""

from __future__ import annotations

from pacs_http.access.principal import Asked, Deny, Grant, Principal
from pacs_http.access.scope import Limit, Scope, StudyFacts
from pacs_http.channel import Channel, CloseCode, Hangup
from pacs_http.conditional import byte_range, not_modified
from pacs_http.problems import ClientGone, Problem
from pacs_http.request import Body, Headers, Request
from pacs_http.response import Response, json_response
from pacs_http.route import Action, Answer, Level, Parameter, Resource, Route, Takes

__all__ = [
    "Action",
    "Answer",
    "Asked",
    "Body",
    "Channel",
    "ClientGone",
    "CloseCode",
    "Deny",
    "Grant",
    "Hangup",
    "Headers",
    "Level",
    "Limit",
    "Parameter",
    "Principal",
    "Problem",
    "Request",
    "Resource",
    "Response",
    "Route",
    "Scope",
    "StudyFacts",
    "Takes",
    "byte_range",
    "json_response",
    "not_modified",
]
