"""Where films go: the contract of outputs, and those of this plugin."""

from __future__ import annotations

from pacs_print.outputs.contract import Delivery, OutputError, PrintJob, PrintOutput, Progress
from pacs_print.outputs.delivering import (
    Handed,
    Target,
    deliver,
    follow,
    registered,
    take_back,
    targets,
)

__all__ = [
    "Delivery",
    "Handed",
    "OutputError",
    "PrintJob",
    "PrintOutput",
    "Progress",
    "Target",
    "deliver",
    "follow",
    "registered",
    "take_back",
    "targets",
]
