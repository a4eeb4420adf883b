"""What a plugin that performs steps imports, or imitates: nothing here has to be inherited.

A plugin gives performers by the hook ``step_performers``. Whoever can be used without pacs-ups
implements that hook as an optional one, and gives objects that have these attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_framework.jobs import JobContext

__all__ = ["Output", "Performed", "StepPerformer"]


class Output(Protocol):
    """An instance that was made, and is in the archive."""

    @property
    def study_instance_uid(self) -> str:
        """Of its study."""

    @property
    def series_instance_uid(self) -> str:
        """Of its series."""

    @property
    def sop_class_uid(self) -> str:
        """What it is."""

    @property
    def sop_instance_uid(self) -> str:
        """Its own."""


class Performed(Protocol):
    """How it went: with a ``refusal`` the step becomes CANCELED, else COMPLETED."""

    @property
    def outputs(self) -> Sequence[Output]:
        """What was made of it; may be nothing."""

    @property
    def refusal(self) -> str:
        """Why this step is not to be done, in words without patient data; empty where it is."""

    @property
    def reason_code(self) -> str:
        """The Code Value of the refusal: of PS3.16 CID 9300, scheme DCM, such as ``110523``."""


class StepPerformer(Protocol):
    """Performs steps in place of a person or a peer. Used from many threads."""

    name: str
    """Among performers, no two of which are called the same; small letters, digits and ``-``."""

    def wants(self, step: Dataset) -> bool:
        """Whether the step is for it, by the look of it alone: quick, and the same each time."""

    def perform(self, uid: str, step: Dataset, context: JobContext) -> Performed:
        """Do what the step ``uid`` says, which is IN PROGRESS now.

        It is called once more with the same ``uid`` where a process died in between, so what it
        does has to bear repetition. ``context`` is its job's: progress is also the step's, and work
        that is canceled has to end, by `JobCanceled`. `JobPutOff` has it called again later, after
        `JobFailed` the step is CANCELED at once. Whatever else it raises is a failed attempt.
        """
