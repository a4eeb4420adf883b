"""Where films go: the contract of outputs, and those of this plugin."""

from __future__ import annotations

from pacs_print.outputs.contract import Delivery, OutputError, PrintJob, PrintOutput
from pacs_print.outputs.delivering import Target, deliver, registered, targets

__all__ = [
    "Delivery",
    "OutputError",
    "PrintJob",
    "PrintOutput",
    "Target",
    "deliver",
    "registered",
    "targets",
]
