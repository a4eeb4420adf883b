"""Ranges of dates as options of commands have them."""

from __future__ import annotations

import click

from pacs_framework.moving.listing import DateRange

__all__ = ["DateRangeType"]


class DateRangeType(click.ParamType[DateRange]):
    """``YYYYMMDD-YYYYMMDD``, or one date, as a `DateRange`."""

    name = "YYYYMMDD-YYYYMMDD"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> DateRange:
        """As `DateRange.parse` does."""
        if isinstance(value, DateRange):
            return value
        try:
            return DateRange.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
