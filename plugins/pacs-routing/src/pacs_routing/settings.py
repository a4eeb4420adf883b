"""The section ``[plugin.routing]``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from pacs_framework.archive.marks import check_label
from pacs_framework.codecs.asked_for import AskedFor, Words
from pacs_framework.config.hours import checked_hours
from pacs_framework.config.types import OptionalPath, Seconds, SecondsOrForever, Section
from pacs_framework.dicomweb.settings import Login
from pacs_framework.errors import ConfigurationError
from pacs_routing.completeness import (
    Complete,
    CompleteBy,
    check_completeness,
    checked_count,
    checked_ways,
)
from pacs_routing.whereabouts import check_deletion, check_place

if TYPE_CHECKING:
    from pacs_framework.conditions import Condition

__all__ = ["Complete", "CompleteBy", "Destination", "Priority", "RoutingSettings", "Rule"]

_Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$")]
_FILE_NAME = "{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm"


class Priority(StrEnum):
    """What goes first, in the words of DIMSE (PS3.7 E.1-1)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Destination(Login):
    """Where instances go, and how it is treated: a node, a DICOMweb server, a folder or a bucket.

    What it inherits is how we log in to a DICOMweb server.
    """

    name: _Name = Field(description="What rules and commands call it: small letters and digits.")
    peer: str = Field(default="", description="AE title of a DICOM node in [peers].")
    url: str = Field(
        default="",
        description=(
            'Service of a DICOMweb server in place of a peer, such as "https://HOST/dicom-web".'
        ),
    )
    folder: OptionalPath = Field(
        default=None, description="Folder where each instance becomes a file, in place of a peer."
    )
    bucket: str = Field(
        default="",
        description='Bucket where each instance becomes an object, such as "s3://BUCKET/PREFIX".',
    )
    endpoint: str = Field(
        default="", description="Address of an S3-compatible store that is not Amazon's."
    )
    region: str = Field(default="", description="Region of the bucket; empty: as the environment.")
    credentials_file: OptionalPath = Field(
        default=None,
        description="File with access keys to the bucket, as ~/.aws/credentials; the environment.",
    )
    file_name: str = Field(
        default=_FILE_NAME,
        description=(
            "Name of the files in folder or bucket, made of attributes; what is there is replaced."
        ),
    )
    send_as: AskedFor | None = Field(
        default=None,
        description=(
            "Transfer syntax that images are sent in where that can be done, such as "
            '{ to = "htj2k" }.'
        ),
    )
    anonymizer: str = Field(
        default="", description='Anonymizer that de-identifies what is sent, such as "basic".'
    )
    associations: int = Field(
        default=1, ge=1, le=64, description="Associations at a time, on all nodes together."
    )
    together: int = Field(
        default=500, ge=1, le=1000, description="Most instances of a study in one association."
    )
    hours: Annotated[Words, AfterValidator(checked_hours)] = Field(
        default=(), description='When it may be sent to, such as "20:00-06:00"; empty: at any time.'
    )
    timeout: Seconds = Field(default=60.0, description="Seconds to wait for an answer.")
    retry_first: Seconds = Field(
        default=5.0, description="Seconds to the next attempt, doubled with each failure."
    )
    retry_longest: Seconds = Field(default=600.0, description="The longest such pause.")
    commitment_timeout: Seconds = Field(
        default=3600.0,
        description="Seconds to wait for its report on storage commitment until it is asked anew.",
    )
    give_up_after: SecondsOrForever = Field(
        default=0.0, description="Age at which what could not be sent is given up; 0: never."
    )
    attempts: int = Field(
        default=5,
        ge=0,
        description="Attempts for an instance that it refuses while it takes others; 0: no end.",
    )
    keep: Seconds = Field(
        default=7 * 86400.0,
        description="How long it is known what was sent, so that it is not sent twice.",
    )

    @field_validator("file_name")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        from pacs_routing.file_names import FileName  # noqa: PLC0415 - pydicom's dictionary

        FileName(value)
        return value

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        check_place(self)
        if self.retry_longest < self.retry_first:
            raise ValueError(f"destination {self.name!r}: retry_longest is less than retry_first")
        return self


class Rule(Section):
    """Which instances go where."""

    name: _Name = Field(description="What it is called: small letters and digits.")
    when: str = Field(
        default="",
        description=(
            'Condition, such as \'Modality in ["CT", "MR"] and CallingAET != "TEST"\'; empty: '
            "everything that comes in."
        ),
    )
    send_to: Words = Field(default=(), description="Names of destinations.")
    label: str = Field(default="", description="Label that the study gets, at once.")
    complete: Complete = Field(
        default=Complete.INSTANCE,
        description="What is to be there before it is sent: the instance, its series or its study.",
    )
    complete_by: Annotated[Words, AfterValidator(checked_ways)] = Field(
        default=(str(CompleteBy.QUIET),),
        description=(
            'What tells that these are complete, whichever comes first: "quiet", "count", "mpps".'
        ),
    )
    count: Annotated[int | str, AfterValidator(checked_count)] = Field(
        default=0,
        description=(
            "How many instances these have: a number, or the attribute of theirs that tells it, "
            "NumberOfStudyRelatedInstances, NumberOfSeriesRelatedInstances or ImagesInAcquisition."
        ),
    )
    quiet: Seconds = Field(
        default=60.0, description="Seconds without news after which these are complete."
    )
    forced: SecondsOrForever = Field(
        default=3600.0,
        description="Seconds after the first instance until they are sent in any case; 0: never.",
    )
    delete_when_committed: str = Field(
        default="",
        description=(
            "Destination, one of send_to, after whose storage commitment for all of the series or "
            "study that is deleted here."
        ),
    )
    priority: Priority = Field(default=Priority.MEDIUM, description="What goes first.")
    last: bool = Field(
        default=False, description="Where it is true of an instance, no later rule is asked."
    )

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        self.condition()
        if self.label:
            _check_label(self.label)
        if not (self.send_to or self.label):
            raise ValueError(f"rule {self.name!r}: it does nothing: say send_to or label")
        try:
            check_completeness(self)
        except ValueError as error:
            raise ValueError(f"rule {self.name!r}: {error}") from None
        return self

    def condition(self) -> Condition | None:
        """What has to be true of an instance; None for whatever comes. Raises ValueError."""
        if not self.when.strip():
            return None
        # Only where there is a condition: the data dictionary of pydicom comes with them.
        from pacs_framework.conditions import Condition  # noqa: PLC0415
        from pacs_routing.vocabulary import VOCABULARY  # noqa: PLC0415

        try:
            return Condition.read(self.when, VOCABULARY)
        except ValueError as error:
            raise ValueError(f"rule {self.name!r}: {error}") from None


class RoutingSettings(Section):
    """What is sent on, and where to."""

    destination: tuple[Destination, ...] = Field(
        default=(),
        description=(
            "Where instances go; for example [[plugin.routing.destination]] with "
            'name = "reading" and peer = "READING".'
        ),
    )
    rule: tuple[Rule, ...] = Field(
        default=(),
        description=(
            "What goes there, all rules that are true of an instance; for example "
            '[[plugin.routing.rule]] with name = "ct", when = \'Modality = "CT"\' and '
            'send_to = "reading".'
        ),
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        known = _unique("destination", [each.name for each in self.destination])
        _unique("rule", [each.name for each in self.rule])
        for rule in self.rule:
            unknown = [name for name in rule.send_to if name not in known]
            if unknown:
                raise ValueError(
                    f"rule {rule.name!r} sends to {unknown[0]!r}, which is no destination"
                )
            if rule.delete_when_committed:
                check_deletion(rule, self.destination)
        return self


def _check_label(name: str) -> None:
    try:
        check_label(name)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None


def _unique(what: str, names: list[str]) -> set[str]:
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"two of {what} have the name {min(twice)!r}")
    return set(names)
