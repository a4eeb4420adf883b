"""Networks on inference servers, asked by the Open Inference Protocol."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_ai.models.networks import Network

if TYPE_CHECKING:
    from pacs_ai.models.kserve import ServedNetwork

__all__ = ["HEADERS", "ServedModel"]

HEADERS = "PACS_AI_HEADERS"
"""The variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel(Network):
    """The network at ``url``, of which ``output`` is wanted.

    It is asked from the process of a model, so that a run can be ended whatever the server does.
    The variable `HEADERS` of that process holds headers as JSON: secrets are no part of a model.
    """

    url: str
    seconds: float
    output: str = ""

    def prepare(self) -> None:
        """Import the client; a connection is of one run."""
        import pacs_ai.models.kserve  # noqa: F401, PLC0415 - only in the process of the model

    @contextmanager
    def opened(self) -> Iterator[ServedNetwork]:
        """A connection to the server."""
        from pacs_ai.models.kserve import ServedNetwork  # noqa: PLC0415 - see above

        headers = json.loads(os.environ.get(HEADERS, "{}"))
        served = ServedNetwork(self.url, output=self.output, headers=headers, seconds=self.seconds)
        with closing(served):
            print(served.described)  # noqa: T201 - into the log of the run
            yield served
            if served.version:
                print(f"answered by version {served.version}")  # noqa: T201 - as above
