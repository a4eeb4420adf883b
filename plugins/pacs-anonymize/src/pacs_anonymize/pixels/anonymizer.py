"""An anonymizer whose images are cleaned as well: headers by another one, pixels by rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from pydicom import Dataset

from pacs_anonymize.engine.changes import Change
from pacs_anonymize.engine.profile import Action
from pacs_anonymize.pixels.faces import defacer_named, may_show_a_face
from pacs_anonymize.pixels.options import PixelOption, state_pixels
from pacs_anonymize.pixels.rules import PixelRule, work_for
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.pixel_work import AnonymousDataSet, PixelWork, data_set_of
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.errors import NotAnonymized

__all__ = ["PixelCleaner", "PixelProfile"]

_PIXEL_DATA = 0x7FE00010
_OVERLAYS = range(0x6000, 0x6020, 2)
_OVERLAY_BIT, _OVERLAY_DATA = 0x0102, 0x3000


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelProfile:
    """What a profile says of pixels: options, rules in order, and the defacer by name.

    ``has_files``: there are rules of files among them, which take the place of the standard ones.
    """

    options: frozenset[PixelOption] = frozenset()
    rules: tuple[PixelRule, ...] = ()
    defacer: str = ""
    has_files: bool = False


@dataclass(slots=True)
class _Plan:
    """What is to be done to one image."""

    work: PixelWork | None = None
    told: list[tuple[str, str]] = field(default_factory=list)

    def add(self, rule: str, work: PixelWork | None) -> None:
        self.told.append((rule, work.done if work else "the pixels stay as they are"))
        if work is None or self.work is None:
            self.work = work or self.work
        elif work.change is not None and self.work.change is not None:
            raise NotAnonymized("two parts of the profile want to change the frames")
        elif work.find is not None and self.work.find is not None:
            raise NotAnonymized("two parts of the profile want to look at the frames")
        else:
            self.work = replace(
                self.work,
                regions=(*self.work.regions, *work.regions),
                change=self.work.change or work.change,
                find=self.work.find or work.find,
            )


class PixelCleaner(Anonymizer):
    """Finds out what is to be done to the pixels, and has the header de-identified.

    ``report`` is told that as a `Change` of the pixel data. Raises `ConfigurationError` for a
    defacer that is not installed.
    """

    def __init__(
        self,
        anonymizer: Anonymizer,
        profile: PixelProfile,
        report: Callable[[Change], None] | None = None,
    ) -> None:
        self._anonymizer = anonymizer
        self._profile = profile
        self._report = report
        self._defacer = defacer_named(profile.defacer) if profile.defacer else None
        self.description = anonymizer.description
        self.keeps_uids = anonymizer.keeps_uids

    def anonymize(self, dataset: Dataset) -> Dataset | AnonymousDataSet:
        """The answer for the header, and what is to be done to the pixels.

        Raises `NotAnonymized` for an image that an option of the profile cannot be carried out on.
        """
        if "Rows" not in dataset and "Columns" not in dataset:
            return self._anonymizer.anonymize(dataset)
        try:
            plan = self._plan(dataset)
        except PYDICOM_FAILURES as error:
            raise NotAnonymized(
                f"what the image says of its pixels cannot be read: {type(error).__name__}"
            ) from None
        answer = self._anonymizer.anonymize(dataset)
        made = data_set_of(answer)
        for option in self._profile.options:
            state_pixels(made, option)
        self._tell(plan.told)
        if isinstance(answer, AnonymousDataSet):
            raise NotAnonymized("two anonymizers want to work on the pixels")
        return AnonymousDataSet(dataset=made, pixels=plan.work) if plan.work else made

    def _plan(self, dataset: Dataset) -> _Plan:
        plan, options = _Plan(), self._profile.options
        if PixelOption.CLEAN_PIXEL_DATA in options:
            _check_no_embedded_overlay(dataset)
            rule, work = work_for(dataset, self._profile.rules)
            plan.add(rule.name, work)
        if PixelOption.CLEAN_RECOGNIZABLE_VISUAL_FEATURES in options and may_show_a_face(dataset):
            if self._defacer is None:
                raise NotAnonymized(
                    "somebody may be recognized in the image, and the profile names no defacer; "
                    "Body Part Examined (0018,0015) would tell that it shows no head"
                )
            plan.add(f"defacer {self._profile.defacer}", self._defacer.work(dataset))
        return plan

    def _tell(self, told: Iterable[tuple[str, str]]) -> None:
        if self._report is None:
            return
        for rule, done in told:
            self._report(
                Change(
                    path="PixelData",
                    tag=_PIXEL_DATA,
                    keyword="PixelData",
                    action=Action.C,
                    rule=rule,
                    before="",
                    after=done,
                )
            )


def _check_no_embedded_overlay(dataset: Dataset) -> None:
    """Bits of pixels that are no pixels may draw text (PS3.5 8.1.2, retired)."""
    for group in _OVERLAYS:
        bit, data = group << 16 | _OVERLAY_BIT, group << 16 | _OVERLAY_DATA
        if data not in dataset and bit in dataset and dataset[bit].value:
            raise NotAnonymized(
                f"an overlay is embedded in unused bits of the pixel data ({group:04x},0102)"
            )
