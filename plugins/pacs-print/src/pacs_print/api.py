"""What plugins that offer outputs import (hook ``print_outputs``)."""

from __future__ import annotations

from pacs_print.outputs.contract import (
    PRINTER_DOWN,
    UNKNOWN,
    Delivery,
    OutputError,
    PrintJob,
    PrintOutput,
    Progress,
)
from pacs_print.sheet import Sheet, Text

__all__ = [
    "PRINTER_DOWN",
    "UNKNOWN",
    "Delivery",
    "OutputError",
    "PrintJob",
    "PrintOutput",
    "Progress",
    "Sheet",
    "Text",
]
