"""The profiles that come with this plugin, by name: known without loading any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacs_anonymize.settings import AnonymizeSettings

__all__ = ["BASIC", "DESCRIPTIONS", "SHIPPED", "names_of"]

BASIC = "basic"
"""The Basic Application Level Confidentiality Profile without an option (PS3.15 E.2)."""

SHIPPED = ("hipaa-safe-harbor",)
"""Profile files that come with this plugin."""

DESCRIPTIONS = {
    BASIC: "Basic Application Level Confidentiality Profile (PS3.15 E.2)",
    "hipaa-safe-harbor": (
        "HIPAA Safe Harbor, 45 CFR 164.514(b)(2): the 18 identifiers, in headers"
    ),
}
"""What each of them is; a profile file says the same."""


def names_of(settings: AnonymizeSettings) -> frozenset[str]:
    """The names of all profiles, those of the site among them."""
    return frozenset({BASIC, *SHIPPED, *settings.profiles})
