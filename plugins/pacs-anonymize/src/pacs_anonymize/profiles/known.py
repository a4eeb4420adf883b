"""The profiles that have a name: built in, shipped as files, and the site's own."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_anonymize.engine.profile import Profile
from pacs_anonymize.names import BASIC, DESCRIPTIONS, SHIPPED
from pacs_anonymize.pixels.options import AnyOption
from pacs_anonymize.profiles.loaded import LoadedProfile
from pacs_anonymize.profiles.reading import load_profile
from pacs_framework.errors import ConfigurationError

if TYPE_CHECKING:
    from pacs_anonymize.settings import AnonymizeSettings, ProfileSettings

__all__ = ["profile_named", "profiles_of", "shipped_text"]


def shipped_text(name: str) -> str:
    """The text of a profile file that comes with this plugin."""
    return (files("pacs_anonymize.profiles") / f"{name}.toml").read_text("utf-8")


def profiles_of(settings: AnonymizeSettings) -> dict[str, LoadedProfile]:
    """Every profile by name. Raises `ConfigurationError` where one of the site is not usable."""
    return dict(_profiles(settings))


def profile_named(name: str, settings: AnonymizeSettings) -> LoadedProfile:
    """The profile of a name, or of a file. Raises `ConfigurationError` naming those there are."""
    profiles = profiles_of(settings)
    if name in profiles:
        return profiles[name]
    file = Path(name)
    if file.is_file():
        return load_profile(_text_of(file), file.stem, str(file))
    near = get_close_matches(name, profiles, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    raise ConfigurationError(
        f"{name!r} is no profile (there are: {', '.join(sorted(profiles))}) and no file{meant}"
    )


def _profiles(settings: AnonymizeSettings) -> Iterator[tuple[str, LoadedProfile]]:
    yield BASIC, LoadedProfile(profile=Profile(BASIC), description=DESCRIPTIONS[BASIC])
    for name in SHIPPED:
        yield name, load_profile(shipped_text(name), name, f"{name}.toml")
    for name, own in settings.profiles.items():
        if name in (BASIC, *SHIPPED):
            raise ConfigurationError(f"profiles.{name}: this name is taken; give it another one")
        yield name, _own(name, own)


def _own(name: str, own: ProfileSettings) -> LoadedProfile:
    if own.file is not None:
        made = load_profile(_text_of(own.file), name, str(own.file))
    else:
        description = f"{DESCRIPTIONS[BASIC]}{_with(own.options)}"
        made = LoadedProfile(profile=Profile(name), description=description)
        made = made.with_options(own.options)
    return made.with_pixel_rules(own.pixel_rules).with_defacer(own.defacer)


def _with(options: tuple[AnyOption, ...]) -> str:
    return f", {', '.join(sorted(options))}" if options else ""


def _text_of(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"the profile file {str(file)!r} cannot be read: {error.strerror}"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"the profile file {str(file)!r} is not in UTF-8") from error
