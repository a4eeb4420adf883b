"""What is written on the command line: days, moments, attributes by keyword."""

from __future__ import annotations

import re

import click
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

from pacs_framework.dicom.matching import date_bounds, normalise_date
from pacs_framework.dicom.moments import is_date, is_time

__all__ = ["ATTRIBUTE", "DAYS", "MOMENT", "number_argument", "set_attribute"]

number_argument = click.argument("number", type=click.IntRange(min=1))
"""Adds NUMBER, which `pacs worklist list` shows as ID."""


class _Days(click.ParamType[tuple[str, str]]):
    name = "day"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """The first and the last day; ``-`` is all of them."""
        text = str(value)
        if text == "-":
            return "", ""
        try:
            bounds = date_bounds(text)
        except ValueError:
            bounds = None
        if bounds is not None:
            return bounds.low, bounds.high
        day = normalise_date(text)
        if not day:
            self.fail(f"{text!r} is neither a day (20261121) nor a range of days", param, ctx)
        return day, day


class _Moment(click.ParamType[tuple[str, str]]):
    name = "moment"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Date and time as DICOM has them (DA, TM); dashes, colons, T or a space may be there."""
        text = str(value)
        digits = re.sub(r"[-:T ]", "", text)
        date, time = digits[:8], digits[8:]
        if not (is_date(date) and is_time(time)):
            self.fail(f"{text!r} is no date with a time; write 20261121T1030", param, ctx)
        return date, time


class _Attribute(click.ParamType[tuple[str, str]]):
    name = "keyword=value"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """The keyword of an attribute that is one text, and its value."""
        keyword, equals, text = str(value).partition("=")
        tag = tag_for_keyword(keyword)
        if not equals or tag is None or keyword_for_tag(tag) != keyword:
            self.fail(f"{value!r} is not KEYWORD=VALUE with a keyword of PS3.6", param, ctx)
        if dictionary_VR(tag) == "SQ":
            self.fail(f"{keyword} is a sequence; change it by `pacs worklist import`", param, ctx)
        return keyword, text


DAYS = _Days()
MOMENT = _Moment()
ATTRIBUTE = _Attribute()


def set_attribute(dataset: Dataset, step: Dataset, keyword: str, text: str) -> None:
    """Give an attribute its value, in the step where PS3.4 Table K.6-1 has it there."""
    target = step if keyword in step or keyword in _OF_STEP else dataset
    value: object = text.split("\\") if "\\" in text else text
    setattr(target, keyword, value)


_OF_STEP = frozenset(
    (
        "ScheduledStationAETitle",
        "ScheduledProcedureStepStartDate",
        "ScheduledProcedureStepStartTime",
        "ScheduledProcedureStepEndDate",
        "ScheduledProcedureStepEndTime",
        "Modality",
        "ScheduledPerformingPhysicianName",
        "ScheduledProcedureStepDescription",
        "ScheduledProcedureStepID",
        "ScheduledProcedureStepStatus",
        "ScheduledProcedureStepLocation",
        "ScheduledStationName",
        "PreMedication",
        "RequestedContrastAgent",
        "CommentsOnTheScheduledProcedureStep",
    )
)
