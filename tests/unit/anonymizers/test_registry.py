"""Which anonymizer has which name."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.registry import AnonymizerRegistry, ProvidedAnonymizer
from pacs_framework.errors import ConfigurationError


class Nothing(Anonymizer):
    def anonymize(self, dataset: Dataset) -> Dataset:
        return dataset


@pytest.fixture
def registry() -> AnonymizerRegistry:
    return AnonymizerRegistry()


def told(registry: AnonymizerRegistry, name: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        registry[name]
    return str(caught.value)


def test_anonymizers_are_found_by_name(registry: AnonymizerRegistry) -> None:
    """And listed by name, each with the plugin that it comes from."""
    one, other = Nothing(), Nothing()
    registry.add({"basic": one}, plugin="b")
    registry.add({"all": other}, plugin="a")
    assert registry["basic"] is one
    assert list(registry) == [
        ProvidedAnonymizer("all", other, "a"),
        ProvidedAnonymizer("basic", one, "b"),
    ]


def test_two_providers_of_a_name_are_an_error_that_names_both(registry: AnonymizerRegistry) -> None:
    registry.add({"basic": Nothing()}, plugin="one")
    with pytest.raises(ConfigurationError) as caught:
        registry.add({"basic": Nothing()}, plugin="two")
    assert str(caught.value) == (
        "anonymizer 'basic' is provided by both 'one' and 'two'; give one of them another name, or "
        "deny one plugin in [plugins] deny"
    )


def test_the_same_anonymizer_may_be_offered_again(registry: AnonymizerRegistry) -> None:
    """It is no second one."""
    same = Nothing()
    registry.add({"basic": same}, plugin="one")
    registry.add({"basic": same}, plugin="two")
    assert [each.plugin for each in registry] == ["one"]


def test_a_name_that_nobody_has_is_told_with_those_there_are(registry: AnonymizerRegistry) -> None:
    assert told(registry, "basic") == (
        "no anonymizer is called 'basic' (there are: none: no plugin with anonymizers is active)"
    )
    registry.add({"basic": Nothing(), "all": Nothing()}, plugin="a")
    assert told(registry, "basc") == (
        "no anonymizer is called 'basc' (there are: all, basic); did you mean 'basic'?"
    )
    assert told(registry, "zzz") == "no anonymizer is called 'zzz' (there are: all, basic)"
