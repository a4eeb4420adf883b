"""Which anonymizer the user of the command means, and with which key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pacs_anonymize.engine.anonymizer import Change
from pacs_anonymize.engine.patients import PatientTable
from pacs_anonymize.keys import new_key
from pacs_anonymize.names import BASIC, names_of
from pacs_anonymize.pixels.options import AnyOption
from pacs_anonymize.profiles.known import profile_named
from pacs_anonymize.profiles.loaded import LoadedProfile
from pacs_anonymize.settings import AnonymizeSettings
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.cli.options import ArchiveChoice

if TYPE_CHECKING:
    from pacs_anonymize.vault.keeping import Keeper
    from pacs_framework.app import Configured
    from pacs_framework.codecs.registry import CodecRegistry

__all__ = ["Chosen", "Places", "choose", "key_override", "settings_of"]

Report = Callable[[Change], None]

_PLUGIN = "anonymize"


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfProfile:
    """Makes the anonymizer of a profile, in whichever process."""

    loaded: LoadedProfile
    key: bytes
    patients: PatientTable | None

    def __call__(self, report: Report | None) -> Anonymizer:
        return self.loaded.anonymizer(self.key, report, self.patients)


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
    those of this run only. ``keeper`` keeps the way back in the vault that the user named.
    ``codecs`` are there where it may work on pixels.
    """

    name: str
    make: Callable[[Report | None], Anonymizer]
    tells_changes: bool
    one_time_key: bool = False
    keeper: Keeper | None = None
    codecs: CodecRegistry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Files and the vault that the user named, each instead of what the configuration says."""

    key_file: Path | None = None
    pseudonyms: Path | None = None
    unknown: str | None = None
    vault: str | None = None
    vault_key: Path | None = None

    def overrides(self) -> dict[str, object]:
        """As settings of this plugin. Raises click's error for an option without its other."""
        if self.vault_key is not None and self.vault is None:
            raise click.UsageError("--vault-key opens the vault that --map names: give both")
        given: dict[str, object] = {}
        if self.key_file is not None:
            given |= key_override(self.key_file)
        table: dict[str, object] = {} if self.unknown is None else {"unknown": self.unknown}
        if self.pseudonyms is not None:
            table |= {"file": str(self.pseudonyms.absolute()), "vault": False}
        if table:
            given["pseudonyms"] = table
        if self.vault is not None:
            key = {} if self.vault_key is None else key_override(self.vault_key)
            given["vault"] = {"place": self.vault, **key}
        return given


def key_override(key_file: Path) -> dict[str, object]:
    """A key from the command line as settings."""
    return {"key_file": str(key_file.absolute()), "key_env": ""}


def choose(
    choice: ArchiveChoice,
    *,
    profile: str | None,
    options: Sequence[AnyOption],
    anonymizer: str | None,
    places: Places,
    pixel_rules: Sequence[str] = (),
) -> Chosen:
    """What the options of the command say together with the configuration.

    Raises `ConfigurationError` for a name that nobody provides, a profile file or a key that cannot
    be used, and click's own errors for options that contradict each other.
    """
    if anonymizer is not None and (profile is not None or options or pixel_rules):
        raise click.UsageError(
            "--with names a whole anonymizer: leave out --profile, --option and --pixel-rules"
        )
    overrides = places.overrides()
    configured = choice.configured({"plugin": {_PLUGIN: overrides}} if overrides else None)
    settings = settings_of(configured)
    keeper = None
    if places.vault is not None:
        vault = settings.needed_vault()
        click.get_current_context().call_on_close(vault.close)
        vault.open()
        keeper = settings.vault.keeper
    if anonymizer is not None and anonymizer not in names_of(settings):
        made = configured.anonymizer_registry()[anonymizer]
        for_profiles = {"--key-file": places.key_file, "--pseudonyms": places.pseudonyms}
        for option, value in {**for_profiles, "--unknown": places.unknown}.items():
            if value is not None:
                raise click.UsageError(f"{option} is for profiles: {anonymizer!r} is none of them")
        given = _Given(anonymizer=made)
        return Chosen(
            name=anonymizer,
            make=given,
            tells_changes=False,
            keeper=keeper,
            codecs=configured.codec_registry(),
        )
    name = anonymizer or profile or BASIC
    loaded = profile_named(name, settings).with_options(options).with_pixel_rules(pixel_rules)
    loaded.check_defacer()
    key = settings.read_key()
    return Chosen(
        name=loaded.profile.name,
        make=_OfProfile(loaded=loaded, key=key or new_key(), patients=settings.patients()),
        tells_changes=True,
        one_time_key=key is None,
        keeper=keeper,
        codecs=configured.codec_registry() if loaded.works_on_pixels else None,
    )


def settings_of(configured: Configured) -> AnonymizeSettings:
    """The settings of this plugin. Raises click's error where it is switched off."""
    for plugin in configured.plugins.active:
        if plugin.name == _PLUGIN and isinstance(plugin.settings, AnonymizeSettings):
            return plugin.settings
    raise click.ClickException(f"the configuration has the plugin {_PLUGIN!r} switched off")
