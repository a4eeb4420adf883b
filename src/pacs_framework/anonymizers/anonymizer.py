"""The contract of anonymizers: an identified data set in, a de-identified one out.

Laws (the contract suite in ``pacs_framework.testing`` holds every anonymizer to them):

* the answer says that it is de-identified and how: Patient Identity Removed (0012,0062) is YES, and
  De-identification Method (0012,0063) or its Code Sequence (0012,0064) has a value (PS3.15 E.1.1);
* no value that names the patient is left in it, at no depth, in no private element;
* what it is does not change: SOP class, and the attributes that describe the pixels;
* what it says of the pixels it has done to them: an `AnonymousDataSet` asks for it;
* the same data set gives the same answer, in every thread and process, so references between the
  instances of a study, and to those that come tomorrow, hold;
* what cannot be done raises `NotAnonymized`, whose message tells nothing of the patient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from pydicom import Dataset

from pacs_framework.anonymizers.pixel_work import AnonymousDataSet

__all__ = ["Anonymizer"]


class Anonymizer(ABC):
    """De-identifies data sets in one way. It goes to other processes, so it can be pickled."""

    description: str = ""
    """What it does, in a few words for tables."""

    keeps_uids: bool = False
    """Whether UIDs of instances, series and studies stay (PS3.15 E.3.9, Retain UIDs Option)."""

    @abstractmethod
    def anonymize(self, dataset: Dataset) -> Dataset | AnonymousDataSet:
        """The de-identified data set; with what is to be done to the pixels, if that is anything.

        dataset: an instance up to its pixel data, fresh: it may be changed and returned. Values are
        decoded when they are looked at. Pixel data, and nothing else, are put behind the answer.
        Raises `NotAnonymized`.
        """
