"""Tables of pseudonyms: where a patient is looked up, in a file or in the vault."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacs_anonymize.engine.patients import Assigned, Unknown
from pacs_anonymize.pseudonyms.csv_file import ANY_ISSUER, check_rows, read_file
from pacs_anonymize.vault.entries import Entry, Kind, identity_of, identity_parts
from pacs_framework.errors import ConfigurationError

if TYPE_CHECKING:
    from pacs_anonymize.vault.trail import Act
    from pacs_anonymize.vault.vault import Vault

__all__ = ["FileTable", "VaultTable", "import_rows", "rows_of"]

_FAULTS_TOLD = 10


class FileTable:
    """A table in a CSV file, read once. Raises `ConfigurationError`."""

    def __init__(self, path: Path, unknown: Unknown) -> None:
        self._arguments = (path, unknown)
        self.unknown = unknown
        rows = read_file(path)
        self._rows = {(row.issuer, row.patient_id): row for row in rows}
        self._named = {row.pseudonym: row for row in rows}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments

    def find(self, issuer: str, patient_id: str) -> Assigned | None:
        """See `PatientTable.find`."""
        exact = self._rows.get((issuer, patient_id))
        return exact or self._rows.get((ANY_ISSUER, patient_id))

    def named(self, pseudonym: str) -> Assigned | None:
        """See `PatientTable.named`."""
        return self._named.get(pseudonym)


class VaultTable:
    """The table in a vault: encrypted, the same for all nodes; what is imported counts at once."""

    def __init__(self, vault: Vault, unknown: Unknown) -> None:
        self._vault = vault
        self.unknown = unknown

    def find(self, issuer: str, patient_id: str) -> Assigned | None:
        """See `PatientTable.find`. Raises `VaultError`."""
        for each in (issuer, ANY_ISSUER):
            for entry in self._vault.by_original(Kind.ASSIGNED, identity_of(each, patient_id)):
                return _assigned(entry)
        return None

    def named(self, pseudonym: str) -> Assigned | None:
        """See `PatientTable.named`. Raises `VaultError`."""
        found = self._vault.by_pseudonym(Kind.ASSIGNED, [pseudonym])
        return _assigned(found[pseudonym]) if found else None


def rows_of(vault: Vault) -> list[Assigned]:
    """The table in a vault, sorted."""
    return sorted(_rows(vault), key=lambda row: (row.issuer, row.patient_id))


def import_rows(vault: Vault, rows: Sequence[Assigned], act: Act) -> int:
    """Add rows to the table in a vault, all of them or none; how many were new.

    A row that is there already stays. Raises `ConfigurationError` where one contradicts what is
    there: pseudonyms that were given out are not changed, since there are instances with them.
    """
    with vault.writing(act) as connection:
        there = {(row.issuer, row.patient_id): row for row in _rows(vault)}
        new = [row for row in rows if there.get((row.issuer, row.patient_id)) != row]
        together = [("the table", row) for row in there.values()]
        together += [(f"patient_id of pseudonym {row.pseudonym!r}", row) for row in new]
        if faults := list(check_rows(together)):
            more = len(faults) - _FAULTS_TOLD
            raise ConfigurationError(
                "nothing was imported, since it contradicts the table in the vault: "
                + "; ".join(faults[:_FAULTS_TOLD])
                + (f"; and {more} more" if more > 0 else "")
            )
        vault.keep_in(connection, map(_entry, new))
    return len(new)


def _rows(vault: Vault) -> Iterator[Assigned]:
    return map(_assigned, vault.all_of(Kind.ASSIGNED))


def _entry(row: Assigned) -> Entry:
    return Entry(
        kind=Kind.ASSIGNED,
        pseudonym=row.pseudonym,
        original=identity_of(row.issuer, row.patient_id),
        facts=json.dumps({"name": row.name, "days": row.days}),
    )


def _assigned(entry: Entry) -> Assigned:
    issuer, patient_id = identity_parts(entry.original)
    facts = json.loads(entry.facts)
    return Assigned(
        patient_id=patient_id, issuer=issuer, pseudonym=entry.pseudonym,
        name=facts["name"], days=facts["days"],
    )  # fmt: skip
