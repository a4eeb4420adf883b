"""The anonymizers that this plugin offers: one for each profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_anonymize.keys import MAKE_ONE
from pacs_anonymize.names import DESCRIPTIONS
from pacs_anonymize.settings import AnonymizeSettings
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.errors import NotAnonymized

if TYPE_CHECKING:
    from pacs_anonymize.vault.keeping import Keeper

__all__ = ["KeylessAnonymizer", "own_anonymizers", "remembered"]


class KeylessAnonymizer(Anonymizer):
    """Stands for a profile while no key is configured: takes nothing, and says what to do.

    With a key of its own in each process, nodes would give different pseudonyms to one patient.
    """

    def __init__(self, description: str, *, keeps_uids: bool) -> None:
        self.description = description
        self.keeps_uids = keeps_uids

    def anonymize(self, dataset: Dataset) -> Dataset:
        """Raises `NotAnonymized`."""
        del dataset
        raise NotAnonymized(f"no key for pseudonyms: set [plugin.anonymize] key_file; {MAKE_ONE}")


def own_anonymizers(settings: AnonymizeSettings) -> dict[str, Anonymizer]:
    """By name of the profile. Raises `ConfigurationError` where key or profiles are not usable."""
    key = settings.read_key()
    if key is None and not settings.profiles:
        return {
            name: KeylessAnonymizer(description, keeps_uids=False)
            for name, description in DESCRIPTIONS.items()
        }
    # Not above: an archive that does not use them starts without loading them.
    from pacs_anonymize.profiles.known import profiles_of  # noqa: PLC0415

    profiles = profiles_of(settings)
    if key is None:
        return {
            name: KeylessAnonymizer(loaded.description, keeps_uids=loaded.keeps_uids)
            for name, loaded in profiles.items()
        }
    patients, keeper = settings.patients(), settings.vault.keeper
    return {
        name: remembered(loaded.anonymizer(key, patients=patients), keeper)
        for name, loaded in profiles.items()
    }


def remembered(anonymizer: Anonymizer, keeper: Keeper | None) -> Anonymizer:
    """An anonymizer that keeps the way back by ``keeper``, where there is one; not twice."""
    if keeper is None:
        return anonymizer
    # Not above: an archive without a vault loads nothing of it.
    from pacs_anonymize.vault.recording import Remembering  # noqa: PLC0415

    return anonymizer if isinstance(anonymizer, Remembering) else Remembering(anonymizer, keeper)
