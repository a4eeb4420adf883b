"""dicognito as an anonymizer of the kernel's contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset

from pacs_anonymize_dicognito.settings import DicognitoSettings
from pacs_framework.anonymizers.library import LibraryAnonymizer

if TYPE_CHECKING:
    from dicognito.anonymizer import Anonymizer as Dicognito

__all__ = ["DicognitoAnonymizer", "offered"]

_NO_KEY = (
    "dicognito has no key, and would make other pseudonyms after each start; "
    "set key_file or key_env in [plugin.anonymize-dicognito]"
)


@dataclass(frozen=True, kw_only=True)
class DicognitoAnonymizer(LibraryAnonymizer):
    """Pseudonyms by dicognito, seeded with the key: the same wherever that is."""

    description: str = "dicognito: names, identifiers and UIDs replaced, dates moved, texts kept"
    no_key: str = _NO_KEY
    id_prefix: str = ""
    id_suffix: str = ""

    def run(self, dataset: Dataset, key: bytes) -> str:
        """Names, identifiers, UIDs and dates replaced; dicognito names itself in the method."""
        library = _library(key, self.id_prefix, self.id_suffix)
        dataset.file_meta = FileMetaDataset()  # dicognito looks at one in any case
        library.anonymize(dataset)
        del dataset.file_meta
        return "DICOGNITO"


@lru_cache(maxsize=8)
def _library(key: bytes, id_prefix: str, id_suffix: str) -> Dicognito:
    """A dicognito with a seed; threads may share it, for it keeps nothing of what it sees."""
    # Not above: thousands of names and the rest of pydicom, which only the first instance needs.
    from dicognito.anonymizer import Anonymizer  # noqa: PLC0415

    from pacs_anonymize_dicognito.handlers import Before  # noqa: PLC0415

    made = Anonymizer(id_prefix, id_suffix, seed=key.hex())
    made.add_element_handler(Before())
    return made


def offered(settings: DicognitoSettings) -> Mapping[str, DicognitoAnonymizer]:
    """By name. Raises `ConfigurationError` for a key that is named and not there."""
    return {
        "dicognito": DicognitoAnonymizer(
            key=settings.read_key(),
            burned_in=settings.burned_in,
            id_prefix=settings.id_prefix,
            id_suffix=settings.id_suffix,
        )
    }
