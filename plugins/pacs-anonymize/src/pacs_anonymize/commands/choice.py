"""Which anonymizer the user of the command means, and with which key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pacs_anonymize.engine.anonymizer import Change
from pacs_anonymize.engine.options import Option
from pacs_anonymize.keys import new_key
from pacs_anonymize.names import BASIC, names_of
from pacs_anonymize.profiles.known import profile_named
from pacs_anonymize.profiles.loaded import LoadedProfile
from pacs_anonymize.settings import AnonymizeSettings
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.cli.options import ArchiveChoice

if TYPE_CHECKING:
    from pacs_framework.app import Configured

__all__ = ["Chosen", "choose"]

Report = Callable[[Change], None]

_PLUGIN = "anonymize"


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfProfile:
    """Makes the anonymizer of a profile, in whichever process."""

    loaded: LoadedProfile
    key: bytes

    def __call__(self, report: Report | None) -> Anonymizer:
        return self.loaded.anonymizer(self.key, report)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """An anonymizer of another plugin, which tells no changes."""

    anonymizer: Anonymizer

    def __call__(self, report: Report | None) -> Anonymizer:
        del report
        return self.anonymizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """An anonymizer by name; ``make`` goes to other processes.

    ``tells_changes``: it tells what it did to each attribute. ``one_time_key``: its pseudonyms are
    those of this run only.
    """

    name: str
    make: Callable[[Report | None], Anonymizer]
    tells_changes: bool
    one_time_key: bool = False


def choose(
    choice: ArchiveChoice,
    *,
    profile: str | None,
    options: Sequence[Option],
    anonymizer: str | None,
    key_file: Path | None,
) -> Chosen:
    """What the options of the command say together with the configuration.

    Raises `ConfigurationError` for a name that nobody provides, a profile file or a key that cannot
    be used, and click's own errors for options that contradict each other.
    """
    if anonymizer is not None and (profile is not None or options):
        raise click.UsageError("--with names a whole anonymizer: leave out --profile and --option")
    key = None if key_file is None else {"key_file": str(key_file.absolute()), "key_env": ""}
    configured = choice.configured(None if key is None else {"plugin": {_PLUGIN: key}})
    settings = _settings(configured)
    if anonymizer is not None and anonymizer not in names_of(settings):
        made = configured.anonymizer_registry()[anonymizer]
        if key_file is not None:
            raise click.UsageError(f"--key-file is for profiles: {anonymizer!r} is none of them")
        return Chosen(name=anonymizer, make=_Given(anonymizer=made), tells_changes=False)
    name = anonymizer or profile or BASIC
    loaded = profile_named(name, settings).with_options(options)
    given = settings.read_key()
    return Chosen(
        name=loaded.profile.name,
        make=_OfProfile(loaded=loaded, key=given or new_key()),
        tells_changes=True,
        one_time_key=given is None,
    )


def _settings(configured: Configured) -> AnonymizeSettings:
    for plugin in configured.plugins.active:
        if plugin.name == _PLUGIN and isinstance(plugin.settings, AnonymizeSettings):
            return plugin.settings
    raise click.ClickException(f"the configuration has the plugin {_PLUGIN!r} switched off")
