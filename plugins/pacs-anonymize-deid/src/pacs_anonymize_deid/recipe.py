"""Recipes of deid, read strictly: what would do nothing is a mistake, told with its line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pacs_anonymize_deid.faults import fault_of
from pacs_anonymize_deid.lines import Action, Line, read_lines
from pacs_framework.errors import ConfigurationError

__all__ = ["Action", "Recipe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What is done to a data set, in order, and the lists that actions refer to by name.

    It holds no more than text, so it goes to other processes.
    """

    name: str
    header: tuple[Action, ...]
    fields: tuple[tuple[str, tuple[Action, ...]], ...] = ()
    values: tuple[tuple[str, tuple[Action, ...]], ...] = ()

    @classmethod
    def parse(cls, text: str, name: str) -> Recipe:
        """Read a recipe. Raises `ConfigurationError` with all mistakes, each with its line."""
        lines, faults = read_lines(text)
        lists = {
            section: tuple(
                dict.fromkeys(each.list_name for each in lines if each.section == section)
            )
            for section in ("fields", "values")
        }
        faults += [
            f"line {line.number}: {fault}" for line in lines if (fault := fault_of(line, lists))
        ]
        if not any(line.section == "header" for line in lines) and not faults:
            faults = ["it has no action under %header, and would do nothing"]
        if faults:
            told = "".join(f"\n  {fault}" for fault in faults)
            raise ConfigurationError(f"the recipe {name!r} of deid cannot be used:{told}")
        return cls(
            name=name,
            header=tuple(line.action for line in lines if line.section == "header"),
            fields=tuple((each, _of_list(lines, "fields", each)) for each in lists["fields"]),
            values=tuple((each, _of_list(lines, "values", each)) for each in lists["values"]),
        )

    @property
    def moves_dates(self) -> bool:
        """Whether some action does."""
        return any(action.action == "JITTER" for action in self.header)

    def as_deid_has_it(self) -> dict[str, Any]:
        """What deid makes of a file."""
        return {
            "format": "dicom",
            "header": [action.as_deid_has_it() for action in self.header],
            "fields": {
                name: [a.as_deid_has_it() for a in actions] for name, actions in self.fields
            },
            "values": {
                name: [a.as_deid_has_it() for a in actions] for name, actions in self.values
            },
        }


def _of_list(lines: list[Line], section: str, name: str) -> tuple[Action, ...]:
    return tuple(
        line.action for line in lines if line.section == section and line.list_name == name
    )
