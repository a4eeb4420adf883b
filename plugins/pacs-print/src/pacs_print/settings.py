"""The section ``[plugin.print]``."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from pacs_framework.config.types import Seconds, SecondsOrForever, Section
from pacs_print.printers import PrinterSettings
from pacs_print.stored.errand import PrintRule

__all__ = ["PrintSettings"]


class PrintSettings(Section):
    """The printers of the archive, and how long their jobs are kept."""

    printers: tuple[PrinterSettings, ...] = Field(
        default=(), description="Each printer is an AE title; without any, nothing is taken."
    )
    composers: int = Field(
        default=2, ge=1, le=32, description="Jobs that are composed at a time by one process."
    )
    retry_first: Seconds = Field(
        default=5.0, description="Until the second attempt to deliver a job; doubled each time."
    )
    retry_longest: Seconds = Field(default=600.0, description="Longest pause between attempts.")
    give_up_after: SecondsOrForever = Field(
        default=86400.0, description="After which a job that cannot be delivered has failed."
    )
    keep: SecondsOrForever = Field(
        default=7 * 86400.0,
        description="How long a job is kept that is over, with its films, to be printed again.",
    )

    rules: tuple[PrintRule, ...] = Field(
        default=(), description="Which stored series are printed, where, and how."
    )

    @model_validator(mode="after")
    def _films_go_somewhere(self) -> Self:
        for printer in self.printers:
            if not printer.outputs:
                raise ValueError(
                    f"printer {printer.ae_title!r} has no outputs: say where its films go, as in "
                    '[{ to = "pdf", folder = "/srv/films" }]'
                )
        return self

    @model_validator(mode="after")
    def _rules_have_printers(self) -> Self:
        for rule in self.rules:
            if rule.printer and self.printer(rule.printer) is None:
                raise ValueError(f"a rule prints on {rule.printer!r}, which is no printer here")
        return self

    @model_validator(mode="after")
    def _one_printer_of_a_name(self) -> Self:
        titles = [printer.ae_title for printer in self.printers]
        if len(titles) != len(set(titles)):
            raise ValueError("two printers have one ae_title")
        return self

    def printer(self, ae_title: str) -> PrinterSettings | None:
        """The printer that is called so."""
        found = (printer for printer in self.printers if printer.ae_title == ae_title)
        return next(found, None)
