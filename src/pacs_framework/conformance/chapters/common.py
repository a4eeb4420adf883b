"""What chapters share: sections that do not apply, and tables that many of them have."""

from __future__ import annotations

from collections.abc import Iterable

from pacs_framework.conformance.document import Section, Table, Text
from pacs_framework.conformance.names import Family, family_of, service_status, status_text
from pacs_framework.conformance.records import Role, StatusMeaning
from pacs_framework.conformance.statement import ServiceFact, Statement

__all__ = ["absent", "limit", "of_family", "roles_in", "seconds", "status_table", "yes_no"]


def absent(title: str, reason: str) -> Section:
    """A section of the template that does not apply here, with the reason."""
    return Section(title=title, blocks=(Text(f"None. {reason}"),))


def yes_no(value: object) -> str:
    """Yes or No."""
    return "Yes" if value else "No"


def limit(number: int) -> str:
    """A number where 0 means that there is no limit."""
    return str(number) if number else "no limit"


def seconds(number: float) -> str:
    """A time-out where 0 means that there is none."""
    return f"{number:g} s" if number else "no time-out"


def of_family(statement: Statement, family: Family) -> tuple[ServiceFact, ...]:
    """The services of one group, in the order of the plugins."""
    return tuple(fact for fact in statement.services if fact.family == family)


def roles_in(statement: Statement, family: Family) -> dict[str, set[Role]]:
    """SOP class → the roles that this installation plays: answered ones, and initiated ones."""
    roles: dict[str, set[Role]] = {}
    for fact in of_family(statement, family):
        for sop_class in fact.sop_classes:
            roles.setdefault(sop_class.uid, set()).add(fact.role)
    for initiation in statement.initiations:
        for uid in initiation.sop_classes:
            if family_of(uid) is family:
                roles.setdefault(uid, set()).add(Role.SCU)
    return roles


def status_table(caption: str, statuses: Iterable[StatusMeaning]) -> Table:
    """Service status, code and meaning, by number."""
    rows = tuple(
        (service_status(each.status), status_text(each.status), each.when)
        for each in sorted(statuses, key=lambda each: each.status)
    )
    return Table(caption, ("Service status", "Code", "When, or what is done"), rows)
