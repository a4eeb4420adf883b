"""The hooks of pacs-verification: one service and one command. The smallest complete plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pacs_framework import hookimpl
from pacs_framework.network.service import DimseService
from pacs_verification.command import echo
from pacs_verification.service import VerificationService

if TYPE_CHECKING:
    from pacs_framework.conformance.records import Contribution


@hookimpl
def dimse_services() -> Sequence[DimseService]:
    """Answer C-ECHO."""
    return [VerificationService()]


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """Add ``pacs echo``."""
    return [echo]


@hookimpl
def conformance() -> Sequence[Contribution]:
    """Document C-ECHO as SCP and SCU."""
    # Not above: only `pacs conformance` asks.
    from pacs_verification.conformance import contributions  # noqa: PLC0415

    return contributions()
