"""A recipe of deid as an anonymizer of the kernel's contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from pydicom import Dataset

from pacs_anonymize_deid.moments import complete_moments
from pacs_anonymize_deid.pseudonyms import Pseudonyms
from pacs_anonymize_deid.recipe import Recipe
from pacs_anonymize_deid.settings import DeidSettings
from pacs_framework.anonymizers.library import LibraryAnonymizer
from pacs_framework.errors import ConfigurationError, NotAnonymized

__all__ = ["DeidAnonymizer", "offered"]

_NO_KEY = (
    "deid has no key to make pseudonyms with; set key_file or key_env in [plugin.anonymize-deid]"
)
_UIDS = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")


@dataclass(frozen=True, kw_only=True)
class DeidAnonymizer(LibraryAnonymizer):
    """What a recipe says, carried out by deid."""

    recipe: Recipe
    no_key: str = _NO_KEY

    def run(self, dataset: Dataset, key: bytes) -> str:
        """The actions of the recipe, in order, with functions that know the key."""
        from pacs_anonymize_deid.library import DicomParser  # noqa: PLC0415 - slow to import

        before = [dataset.get(keyword) for keyword in _UIDS]
        if self.recipe.moves_dates:
            complete_moments(dataset)
        parser = DicomParser(dataset, recipe=_made(self.recipe))
        for name, meaning in Pseudonyms.of(dataset, key).definitions().items():
            parser.define(name, meaning)
        parser.parse()
        for keyword, uid in zip(_UIDS, before, strict=True):
            if uid and dataset.get(keyword) == uid:
                raise NotAnonymized(
                    f"the recipe {self.recipe.name!r} leaves {keyword} as it is; let it "
                    "REPLACE select:VR:UI func:new_uid"
                )
        return f"deid, recipe {self.recipe.name}"


@lru_cache(maxsize=16)
def _made(recipe: Recipe) -> Any:
    """As deid wants it; threads may share it, for it is only read."""
    from pacs_anonymize_deid.library import DeidRecipe  # noqa: PLC0415 - slow to import

    return DeidRecipe([recipe.as_deid_has_it()])


def offered(settings: DeidSettings) -> Mapping[str, DeidAnonymizer]:
    """``deid``, and one for each recipe of the settings.

    Raises `ConfigurationError` for a key that is named and not there, and for a bad recipe.
    """
    key = settings.read_key()
    return {
        recipe.name: DeidAnonymizer(
            recipe=recipe,
            key=key,
            burned_in=settings.burned_in,
            description=f"deid: {told}",
        )
        for recipe, told in _recipes(settings)
    }


def _recipes(settings: DeidSettings) -> Iterator[tuple[Recipe, str]]:
    """Recipes, and a few words about each."""
    own = files("pacs_anonymize_deid").joinpath("recipes", "deid.dicom")
    yield Recipe.parse(own.read_text("utf-8"), "deid"), "pseudonyms, dates moved, texts removed"
    for name, path in settings.recipes.items():
        if name == "deid":
            raise ConfigurationError(
                "[plugin.anonymize-deid.recipes] has one called 'deid', which is the name of the "
                "plugin's own; give it another name"
            )
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"the recipe {name!r} of deid, {str(path)!r}, cannot be read: {error}"
            ) from error
        yield Recipe.parse(text, name), f"the recipe {path.name}"
