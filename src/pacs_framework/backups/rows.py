"""Rows of tables as lines of JSON that any engine can take in again.

What JSON has no form for is an object with one key that tells its kind: bytes, moments, decimals,
and the values of JSON columns.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy import Table

__all__ = ["read_row", "row_writer"]

_BYTES, _MOMENT, _DATE, _NUMBER, _JSON = "bytes", "moment", "date", "number", "json"

_FROM: Mapping[str, Callable[[str], Any]] = {
    _BYTES: base64.b64decode,
    _MOMENT: dt.datetime.fromisoformat,
    _DATE: dt.date.fromisoformat,
    _NUMBER: Decimal,
    _JSON: json.loads,
}


def row_writer(table: Table) -> Callable[[Sequence[Any]], str]:
    """A function that makes a line of a row of ``table``, its values in the order of the columns.

    The function raises TypeError for a value of a kind that has no form here.
    """
    in_json = [isinstance(column.type, sa.JSON) for column in table.columns]
    encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_tagged)
    if not any(in_json):
        return lambda row: encoder.encode(list(row))

    def with_json(row: Sequence[Any]) -> str:
        values = [
            {_JSON: json.dumps(value)} if wrap and value is not None else value
            for wrap, value in zip(in_json, row, strict=True)
        ]
        return encoder.encode(values)

    return with_json


def read_row(line: str) -> Any:
    """The values of a line. Raises ValueError for what `row_writer` did not make."""
    return json.loads(line, object_hook=_untagged)


def _tagged(value: object) -> dict[str, str]:
    if isinstance(value, bytes | bytearray | memoryview):
        return {_BYTES: base64.b64encode(value).decode("ascii")}
    if isinstance(value, dt.datetime):  # a date, too, so it comes first
        return {_MOMENT: value.isoformat()}
    if isinstance(value, dt.date):
        return {_DATE: value.isoformat()}
    if isinstance(value, Decimal):
        return {_NUMBER: str(value)}
    raise TypeError(f"a backup has no form for values of the kind {type(value).__name__}")


def _untagged(value: dict[str, Any]) -> Any:
    if len(value) != 1:
        return value
    ((kind, text),) = value.items()
    make = _FROM.get(kind)
    return value if make is None or not isinstance(text, str) else make(text)
