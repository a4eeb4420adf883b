"""A page of what a search of steps has found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from pacs_dicomweb.bodies import answer
from pacs_dicomweb.qido.keys import MATCHING
from pacs_dicomweb.refusing import warning
from pacs_http.api import Response

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_dicomweb.qido.keys import Search

__all__ = ["page_of"]


def page_of(
    found: Sequence[Dataset],
    wanted: Search,
    form: str,
    what: str,
    whole: Callable[[Sequence[Dataset]], Sequence[Dataset]] = lambda page: page,
) -> Response:
    """What of ``found`` was asked for, or 204; ``whole`` gets all of a page (``includefield=all``).

    Warnings say how much is left (PS3.18 8.3.4.4), and which rules of matching are not for ``what``
    (8.3.4.2): names, for example, were matched by letter then.
    """
    end = None if wanted.limit is None else wanted.offset + wanted.limit
    page = found[wanted.offset : end]
    if not page:
        return Response(status=HTTPStatus.NO_CONTENT)
    response = answer(whole(page) if wanted.everything else page, form)
    told = []
    if end is not None and end < len(found):
        told.append(f"There are {len(found) - end} additional results")
    told += [
        f"The {name} parameter is not supported for {what}"
        for name, rule in MATCHING.items()
        if getattr(wanted.rules, rule)
    ]
    headers = [("Warning", warning(each)) for each in told]
    return Response(media_type=response.media_type, headers=headers, body=response.body)
