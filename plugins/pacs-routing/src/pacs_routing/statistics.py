"""What has gone to each destination, durably: numbers, bytes, the last failure, the last echo."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import structlog

from pacs_framework.errors import IndexUnavailable
from pacs_framework.tables import insert, now
from pacs_routing.tables import destination
from pacs_routing.terms import NAME

if TYPE_CHECKING:
    from sqlalchemy.engine import RowMapping

    from pacs_framework.archive.archive import Archive
    from pacs_routing.parcels import Parcel
    from pacs_routing.places.contract import Taken

__all__ = ["Figures", "Statistics", "Tally"]

_d = destination.c
_COUNTS = ("sent", "size", "refused")
_NONE: Mapping[str, object] = {**dict.fromkeys(_COUNTS, 0), "error": "", "echo": ""}
_LONGEST = 500  # characters of what is kept of an error

_log = structlog.get_logger(__name__)


class Tally:
    """What one run has sent."""

    def __init__(self) -> None:
        self.sent = 0
        self.size = 0
        self.refused = 0
        self.error = ""

    def taken(self, parcel: Parcel, taken: Taken) -> dict[str, object]:
        """Count one, and what is kept with its job that is done; no patient data."""
        stored = parcel.stored
        size = stored.size - stored.dataset_offset
        self.sent += 1
        self.size += size
        result: dict[str, object] = {"bytes": size}
        if taken.sop_instance_uid != stored.sop_instance_uid:
            result["sent_as"] = taken.sop_instance_uid
        if parcel.is_changed:
            result["changed"] = True
        if taken.remark:
            result["remark"] = taken.remark
        return result

    def not_taken(self, error: Exception) -> None:
        """Count an attempt that failed."""
        self.refused += 1
        self.error = str(error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one destination, since the archive has sent to it first. Moments are in UTC.

    ``sent`` instances of ``size`` bytes, as they are stored; ``refused`` attempts. ``echo`` is what
    the last check said, and ``there`` whether it was there.
    """

    sent: int = 0
    size: int = 0
    refused: int = 0
    last_sent: dt.datetime | None = None
    error: str = ""
    error_at: dt.datetime | None = None
    echo: str = ""
    echo_at: dt.datetime | None = None
    there: bool | None = None


class Statistics:
    """The figures of all destinations of an archive. Threads may share it."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def add(self, name: str, tally: Tally) -> None:
        """Note a run. A failure of the tables is logged: what was sent was sent."""
        moment = now()
        values: dict[str, Any] = {
            "sent": tally.sent,
            "size": tally.size,
            "refused": tally.refused,
            **({"last_sent": moment} if tally.sent else {}),
            **({"error": tally.error[:_LONGEST], "error_at": moment} if tally.error else {}),
        }
        try:
            self._put(name, values)
        except IndexUnavailable as error:
            _log.warning("statistics are not kept", destination=name, cause=str(error))

    def echoed(self, name: str, said: str, *, there: bool) -> None:
        """Note a check. Raises `IndexUnavailable`."""
        self._put(name, {"echo": said[:_LONGEST], "echo_at": now(), "there": there})

    def all(self) -> Mapping[str, Figures]:
        """By the name of the destination; those that were never sent to are missing.

        Raises `IndexUnavailable`.
        """
        with self._archive.tables(NAME).reading() as connection:
            rows = connection.execute(sa.select(destination)).mappings().all()
        return {row["name"]: _figures(row) for row in rows}

    def _put(self, name: str, values: Mapping[str, Any]) -> None:
        """Numbers are added to those that are there, everything else takes their place."""
        first = {"name": name, **_NONE, **values}
        later = {k: _d[k] + v if k in _COUNTS else v for k, v in values.items()}
        with self._archive.tables(NAME).begin() as connection:
            connection.execute(
                insert(destination, connection)
                .values(**first)
                .on_conflict_do_update(index_elements=[_d.name], set_=later)
            )


def _figures(row: RowMapping) -> Figures:
    return Figures(**{name: value for name, value in row.items() if name != "name"})
