"""The table as CSV: what is read and written, and what is wrong with it, all of it at once."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pacs_anonymize.engine.patients import Assigned
from pacs_framework.errors import ConfigurationError

__all__ = ["ANY_ISSUER", "check_rows", "read_file", "write_rows"]

COLUMNS = ("patient_id", "issuer", "pseudonym", "name", "days")
NEEDED = ("patient_id", "pseudonym")
ANY_ISSUER = "*"
_ASCII = ("pseudonym", "name")
_LONGEST = 64  # characters of LO (PS3.5 6.2), and of a component group of PN
_MOST_DAYS = 36525
_FAULTS_TOLD = 10

_is_plain = re.compile(r"[^\x00-\x1f\x7f\\]*").fullmatch
_is_days = re.compile(r"[+-]?\d{1,6}", re.ASCII).fullmatch


def read_file(path: Path) -> list[Assigned]:
    """The rows of a CSV file in UTF-8, checked. Raises `ConfigurationError`, which tells lines."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(
            f"the table of pseudonyms {str(path)!r} cannot be read: {error.strerror}"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"the table of pseudonyms {str(path)!r} is not in UTF-8"
        ) from error
    return _parsed(text, str(path))


def write_rows(rows: Iterable[Assigned]) -> str:
    """The rows as CSV."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        days = "" if row.days is None else str(row.days)
        writer.writerow((row.patient_id, row.issuer, row.pseudonym, row.name, days))
    return target.getvalue()


def check_rows(rows: Sequence[tuple[str, Assigned]]) -> Iterator[str]:
    """What is wrong with rows taken together; each comes with where it stands.

    No patient may be there twice, no two may share a pseudonym, and no pseudonym may be the Patient
    ID of somebody: then nobody could tell who is meant.
    """
    patients: dict[tuple[str, str], str] = {}
    pseudonyms: dict[str, str] = {}
    for where, row in rows:
        if first := patients.get((row.issuer, row.patient_id)):
            yield f"{where}: the patient of {first} again"
        patients.setdefault((row.issuer, row.patient_id), where)
        if first := pseudonyms.get(row.pseudonym):
            yield f"{where}: the pseudonym {row.pseudonym!r} is that of {first} already"
        pseudonyms.setdefault(row.pseudonym, where)
    identifiers = {patient_id: where for (_, patient_id), where in patients.items()}
    for pseudonym, where in pseudonyms.items():
        if pseudonym in identifiers:
            yield f"{where}: the pseudonym {pseudonym!r} is the patient_id of " + (
                "the same row" if identifiers[pseudonym] == where else identifiers[pseudonym]
            )


def _parsed(text: str, name: str) -> list[Assigned]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = list(reader.fieldnames or ())
        _check_columns(columns, name)
        found = [(f"line {reader.line_num}", row) for row in reader]
    except csv.Error as error:
        raise ConfigurationError(f"{name!r}, line {reader.line_num}: {error}") from None
    faults: list[str] = []
    rows: list[tuple[str, Assigned]] = []
    for where, row in found:
        here = list(_faults_of(row))
        faults += [f"{where}: {fault}" for fault in here]
        if not here:
            rows.append((where, _row(row)))
    faults += check_rows(rows)
    if not found:
        faults.append("it has no rows")
    if faults:
        more = len(faults) - _FAULTS_TOLD
        told = "; ".join(faults[:_FAULTS_TOLD]) + (f"; and {more} more" if more > 0 else "")
        raise ConfigurationError(f"the table of pseudonyms {name!r} cannot be used: {told}")
    return [row for _, row in rows]


def _check_columns(columns: Sequence[str], name: str) -> None:
    missing = [column for column in NEEDED if column not in columns]
    unknown = [column for column in columns if column not in COLUMNS]
    if missing or unknown or len({*columns}) < len(columns):
        raise ConfigurationError(
            f"the table of pseudonyms {name!r} has the columns {', '.join(columns) or 'none'}; "
            f"its first line names {', '.join(COLUMNS)}, of which {' and '.join(NEEDED)} must be "
            f"there"
        )


def _faults_of(row: dict[str, str]) -> Iterator[str]:
    """What is wrong with one row; its values are not told, but for the pseudonym."""
    if None in row or None in row.values():
        yield "it has more or fewer values than the first line"
        return
    for column, value in row.items():
        if column in NEEDED and not value.strip():
            yield f"{column} is empty"
        if len(value.strip()) > _LONGEST or not _is_plain(value.strip()):
            yield f"{column} is longer than {_LONGEST} characters, or has a backslash or a control"
        if column in _ASCII and not value.isascii():
            yield f"{column} is not in ASCII, which alone fits every character set"
    if (days := row.get("days", "").strip()) and (
        not _is_days(days) or abs(int(days)) > _MOST_DAYS
    ):
        yield f"days is {days!r}, no whole number of days within a century"


def _row(row: dict[str, str]) -> Assigned:
    text = {column: row.get(column, "").strip() for column in COLUMNS}
    return Assigned(
        patient_id=text["patient_id"],
        issuer=text["issuer"],
        pseudonym=text["pseudonym"],
        name=text["name"],
        days=int(text["days"]) if text["days"] else None,
    )
