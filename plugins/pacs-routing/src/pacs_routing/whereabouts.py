"""Whether a destination says where it is, once, and can be what rules want of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_framework.dicomweb.settings import Login
from pacs_framework.errors import ConfigurationError
from pacs_routing.places.address import Address

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pacs_routing.settings import Destination, Rule

__all__ = ["check_deletion", "check_place"]

_BUCKET = ("endpoint", "region", "credentials_file")
_OF = {"peer": (), "url": tuple(Login.model_fields), "folder": (), "bucket": (*_BUCKET, "ca")}
"""The places, and the settings that are for one alone."""


def check_place(settings: Destination) -> None:
    """Raise ValueError for none, for several, and for one that cannot be."""
    name = settings.name
    given = {each: getattr(settings, each) for each in _OF}
    if sum(bool(each) for each in given.values()) != 1:
        raise ValueError(f"destination {name!r}: say one of {', '.join(_OF)}")
    place = next(each for each, value in given.items() if value)
    for other in (*Login.model_fields, *_BUCKET):
        if getattr(settings, other) and other not in _OF[place]:
            where = " or a ".join(each for each in _OF if other in _OF[each])
            raise ValueError(f"destination {name!r}: {other} is for one with a {where}")
    try:
        if place == "url":
            settings.server(settings.url, settings.timeout)
        elif place == "bucket":
            Address.of(settings.bucket)
    except ConfigurationError as error:
        raise ValueError(f"destination {name!r}: {error}") from None


def check_deletion(rule: Rule, destinations: Iterable[Destination]) -> None:
    """Raise ValueError where what is sent could not be deleted after storage commitment."""
    name = rule.delete_when_committed
    said = f"rule {rule.name!r}: delete_when_committed"
    if name not in rule.send_to:
        raise ValueError(f"{said} names {name!r}, which is not in send_to")
    if rule.complete == "instance":
        raise ValueError(f'{said} needs complete = "series" or "study": that is what is deleted')
    (found,) = (each for each in destinations if each.name == name)
    if not found.peer:
        raise ValueError(f"{said}: {name!r} is no DICOM node, and cannot commit to anything")
    if found.anonymizer:
        raise ValueError(f"{said}: {name!r} gets other instances, made by an anonymizer")
    if found.send_as is not None and found.send_as.loss is not None:
        raise ValueError(f"{said}: {name!r} gets other instances, with loss, by its send_as")
