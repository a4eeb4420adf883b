"""One name, and everything that is made of it."""

from __future__ import annotations

import pytest

from pacs_framework.authoring.names import PluginName
from pacs_framework.errors import ConfigurationError


def test_distribution_and_package_are_made_of_the_name() -> None:
    name = PluginName.parse("my-tagger")
    assert name.distribution == "pacs-my-tagger"
    assert name.package == "pacs_my_tagger"


LONG = (
    "it has 31 characters, and module, section and environment variables are made of it; "
    "use up to 30"
)
LETTERS = "use lower-case letters, digits and single hyphens, beginning with a letter"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("pacs-tagger", "the distribution gets the prefix 'pacs-' anyway; use 'tagger'"),
        ("pacs_tagger", "the distribution gets the prefix 'pacs-' anyway; use 'tagger'"),
        ("My_Tagger", "package indexes know it as 'my-tagger'; use that"),
        ("my.tagger", "package indexes know it as 'my-tagger'; use that"),
        ("my--tagger", "package indexes know it as 'my-tagger'; use that"),
        ("Tagger", "package indexes know it as 'tagger'; use that"),
        ("class", "it is a keyword of Python; choose a noun"),
        ("", LETTERS),
        ("2d", LETTERS),
        ("ä", LETTERS),
        ("../x", LETTERS),
        ("-x", LETTERS),
        ("x" * 31, LONG),
    ],
)
def test_what_is_no_name_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        PluginName.parse(text)
    assert str(caught.value) == f"plugin name {text!r}: {reason}"
