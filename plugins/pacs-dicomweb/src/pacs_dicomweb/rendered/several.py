"""Studies and series answered: everything in them that can be seen in one media type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING

import structlog

from pacs_dicomweb.rendered.kinds import Kind, kind_of, media_of
from pacs_dicomweb.rendered.media import choose_media
from pacs_dicomweb.rendered.pictures import all_frames
from pacs_dicomweb.rendered.sight import Shown, Sight, nothing_to_see
from pacs_dicomweb.rendered.states import (
    SeenState,
    frames_by_state,
    read_state,
    says_what_states_say,
)
from pacs_dicomweb.rendered.texts import document_shown, report_shown
from pacs_framework.errors import ObjectNotFound, RefusedByPolicy
from pacs_http.api import Problem

if TYPE_CHECKING:
    from pacs_framework.archive.retrieve import StoredInstance
    from pacs_http.api import Response

__all__ = ["show_several"]

_log = structlog.get_logger(__name__)


def show_several(sight: Sight, located: Sequence[StoredInstance]) -> Response:
    """All of ``located`` that can be seen in the media type that is chosen, in parts.

    What cannot is left out, and told: 206 with a Warning.
    """
    media_type = choose_media(sight.ranges, _offered(located)).media_type
    wanted = [each for each in located if media_type in media_of(each.sop_class_uid)]
    allowed, refused = _sendable(sight, wanted)
    if not allowed:
        raise Problem(HTTPStatus.FORBIDDEN, "a rule of this archive keeps these instances back")
    states = _states(sight, wanted)
    unseen = sum(kind_of(each.sop_class_uid) is Kind.STATE for each in wanted) - len(states)
    left_out = len(located) - len(wanted) + refused + unseen
    missing = sum(seen.missing for seen in states.values())
    status = HTTPStatus.PARTIAL_CONTENT if left_out or missing else HTTPStatus.OK
    shown = _every(sight, wanted, states, media_type)
    return sight.in_parts(shown, media_type, status=status, warning=_said(left_out, missing))


def _offered(located: Sequence[StoredInstance]) -> Sequence[str]:
    """The media types that something is seen in, pictures before texts and documents."""
    kinds = list(Kind)
    classes = {each.sop_class_uid for each in located}
    ordered = sorted(classes, key=lambda each: (kinds.index(kind_of(each)), each))
    offered = list(dict.fromkeys(chain.from_iterable(map(media_of, ordered))))
    if not offered:
        raise nothing_to_see()
    return offered


def _sendable(sight: Sight, wanted: Sequence[StoredInstance]) -> tuple[int, int]:
    """How many may be seen, and how many a plugin keeps back."""
    allowed = refused = 0
    for stored in wanted:
        try:
            if not sight.objects.as_stored(stored):
                sight.objects.open(stored).data.close()
        except RefusedByPolicy:
            refused += 1
        except ObjectNotFound:
            continue
        else:
            allowed += 1
    return allowed, refused


def _states(sight: Sight, wanted: Sequence[StoredInstance]) -> dict[str, SeenState]:
    """The presentation states that can be seen as it is asked for, by their UID."""
    found: dict[str, SeenState] = {}
    if says_what_states_say(sight.asked.look):
        return found
    for stored in wanted:
        if kind_of(stored.sop_class_uid) is Kind.STATE:
            try:
                seen = read_state(sight, stored)
            except (Problem, ObjectNotFound, RefusedByPolicy) as error:
                _tell(stored, error)
                continue
            if seen.images:
                found[stored.sop_instance_uid] = seen
    return found


def _every(
    sight: Sight,
    wanted: Sequence[StoredInstance],
    states: dict[str, SeenState],
    media_type: str,
) -> Iterator[Shown]:
    for stored in wanted:
        try:
            yield from _shown(sight, stored, states, media_type)
        except (ObjectNotFound, RefusedByPolicy) as error:
            _tell(stored, error)


def _shown(
    sight: Sight, stored: StoredInstance, states: dict[str, SeenState], media_type: str
) -> Iterator[Shown]:
    match kind_of(stored.sop_class_uid):
        case Kind.IMAGE:
            yield from all_frames(sight, stored, media_type)
        case Kind.STATE:
            if stored.sop_instance_uid in states:
                yield from frames_by_state(sight, states[stored.sop_instance_uid], media_type)
        case Kind.REPORT:
            yield report_shown(sight, stored, media_type)
        case _:
            yield document_shown(sight, stored)


def _tell(stored: StoredInstance, error: Exception) -> None:
    _log.warning(
        "an instance is not rendered",
        sop_instance_uid=stored.sop_instance_uid,
        reason=str(error),
    )


def _said(left_out: int, missing: int) -> str:
    parts = [
        f"{left_out} instances are not rendered: not to be seen like this, or kept back"
        if left_out
        else "",
        f"{missing} images that presentation states refer to are not here" if missing else "",
    ]
    return "; ".join(filter(None, parts))
