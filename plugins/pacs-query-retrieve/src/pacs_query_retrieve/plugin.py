"""The hooks of pacs-query-retrieve: C-FIND, C-MOVE and C-GET."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs_framework import hookimpl
from pacs_query_retrieve.settings import QueryRetrieveSettings

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.conformance.records import Contribution
    from pacs_framework.network.service import DimseService


@hookimpl
def config_models() -> type[QueryRetrieveSettings]:
    """The section ``[plugin.query-retrieve]``."""
    return QueryRetrieveSettings


@hookimpl
def dimse_services(archive: Archive, settings: QueryRetrieveSettings) -> Sequence[DimseService]:
    """Answer C-FIND, C-MOVE and C-GET."""
    # Not above: a command that only asks for plugins, such as `pacs echo`, needs no index.
    from pacs_query_retrieve.find import FindService  # noqa: PLC0415
    from pacs_query_retrieve.get import GetService  # noqa: PLC0415
    from pacs_query_retrieve.move import MoveService  # noqa: PLC0415
    from pacs_query_retrieve.sending import check_rules  # noqa: PLC0415

    if settings.send_as:
        check_rules(settings.send_as, archive.transcoding)
    return [
        FindService(archive, settings),
        MoveService(archive, settings),
        GetService(archive, settings),
    ]


@hookimpl
def conformance(settings: QueryRetrieveSettings) -> Sequence[Contribution]:
    """Document the services, their keys and their sub-operations."""
    # Not above: only `pacs conformance` asks.
    from pacs_query_retrieve.conformance import contributions  # noqa: PLC0415

    return contributions(settings)
