"""Which anonymizer has which name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.errors import ConfigurationError

__all__ = ["AnonymizerRegistry", "ProvidedAnonymizer"]


@dataclass(frozen=True, slots=True)
class ProvidedAnonymizer:
    """An anonymizer, its name, and the plugin that it comes from."""

    name: str
    anonymizer: Anonymizer
    plugin: str


class AnonymizerRegistry:
    """All anonymizers of an archive, gathered from the ``anonymizers`` hook."""

    def __init__(self) -> None:
        self._provided: dict[str, ProvidedAnonymizer] = {}

    def add(self, anonymizers: Mapping[str, Anonymizer], *, plugin: str) -> None:
        """Offer ``anonymizers`` by name; a second provider of a name is an error naming both."""
        for name, anonymizer in anonymizers.items():
            other = self._provided.setdefault(name, ProvidedAnonymizer(name, anonymizer, plugin))
            if other.anonymizer is not anonymizer:
                raise ConfigurationError(
                    f"anonymizer {name!r} is provided by both {other.plugin!r} and {plugin!r}; "
                    f"give one of them another name, or deny one plugin in [plugins] deny"
                )

    def __iter__(self) -> Iterator[ProvidedAnonymizer]:
        """Every anonymizer, by name."""
        return iter(sorted(self._provided.values(), key=lambda each: each.name))

    def __getitem__(self, name: str) -> Anonymizer:
        """The anonymizer called ``name``. Raises `ConfigurationError` naming those there are."""
        if name in self._provided:
            return self._provided[name].anonymizer
        near = get_close_matches(name, self._provided, n=1)
        known = ", ".join(sorted(self._provided)) or "none: no plugin with anonymizers is active"
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigurationError(f"no anonymizer is called {name!r} (there are: {known}){meant}")
