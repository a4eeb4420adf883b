"""The instances that an address names, and what the index says of them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_http.api import Problem

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.retrieve import Located
    from pacs_http.api import Resource, Scope

__all__ = ["ROOT", "level_of", "locate", "path_of"]

ROOT = "/dicom-web"
"""Where the service is."""


def level_of(resource: Resource) -> Level:
    """The level of what an address names."""
    if resource.instance:
        return Level.IMAGE
    return Level.SERIES if resource.series else Level.STUDY


def locate(archive: Archive, resource: Resource, scope: Scope) -> Located:
    """The instances under a study, series or instance, each named with those above it.

    Those in ``scope`` alone. Raises `Problem` 404 where there are none.
    """
    identifier = Dataset()
    identifier.StudyInstanceUID = resource.study
    if resource.series:
        identifier.SeriesInstanceUID = resource.series
    if resource.instance:
        identifier.SOPInstanceUID = resource.instance
    level = level_of(resource)
    located = archive.retrieve.locate(level, Root.STUDY, identifier, within=scope.reach)
    if not len(located):
        word = "instance" if level is Level.IMAGE else level.value.lower()
        raise Problem(HTTPStatus.NOT_FOUND, f"the archive has no such {word}")
    return located


def path_of(resource: Resource) -> str:
    """The path of a resource below that of the service."""
    path = f"/studies/{resource.study}"
    if resource.series:
        path += f"/series/{resource.series}"
    if resource.instance:
        path += f"/instances/{resource.instance}"
    return path
