"""Searches at another server (QIDO-RS, PS3.18 10.6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_dicomweb.model.reading import datasets_of, parse_json
from pacs_framework.dicomweb.server import JSON, ServerError, checked
from pacs_framework.errors import UnreadableInstance

if TYPE_CHECKING:
    import httpx

__all__ = ["JSON", "LEVELS", "path_for", "search"]

LEVELS = {
    "study": ("studies", "StudyInstanceUID"),
    "series": ("series", "SeriesInstanceUID"),
    "instance": ("instances", "SOPInstanceUID"),
}
"""What may be searched for: the end of its path, and the attribute that tells one from another."""

_PAGE = 500
_NO_CONTENT = 204


def path_for(study: str = "", series: str = "", instance: str = "") -> str:
    """The path of what is named, under the address of a service."""
    path = f"/studies/{study}" if study else ""
    if series:
        path += f"/series/{series}"
    if instance:
        path += f"/instances/{instance}"
    return path


def search(
    client: httpx.Client,
    level: str,
    query: Sequence[tuple[str, str]],
    *,
    below: str = "",
    limit: int = 0,
) -> Iterator[Dataset]:
    """All matches, page by page, or the first ``limit``; ``below`` is the path of a study or
    series.

    A server that passes over ``offset`` would give the same page again and again: that is noticed.
    Raises `ServerError`.
    """
    end, unique = LEVELS[level]
    seen: set[str] = set()
    while not limit or len(seen) < limit:
        wanted = min(_PAGE, limit - len(seen)) if limit else _PAGE
        page = [("limit", str(wanted)), ("offset", str(len(seen)))]
        found = _page(client, f"{below}/{end}", [*query, *page])
        new = [each for each in found if str(each.get(unique, "")) not in seen]
        yield from new[:wanted]
        seen.update(str(each.get(unique, "")) for each in new[:wanted])
        if len(found) < wanted or not new:
            return


def _page(client: httpx.Client, path: str, query: Sequence[tuple[str, str]]) -> list[Dataset]:
    answer = checked(client.get(path, params=list(query), headers={"Accept": JSON}))
    if answer.status_code == _NO_CONTENT or not answer.content:
        return []
    try:
        return datasets_of(parse_json(answer.content))
    except UnreadableInstance as error:
        raise ServerError(f"the answer to a search cannot be read: {error}") from error
