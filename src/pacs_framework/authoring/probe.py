"""Load one plugin in a process of its own, and gather what happens there."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pacs_framework.authoring.channel import Ended, Overdue, told_by
from pacs_framework.authoring.report import Finding, failed
from pacs_framework.authoring.target import Target

__all__ = ["probe"]

_START_SECONDS = 60.0  # of the kernel, which is not the plugin's fault


def probe(target: Target, *, config: Path | None, timeout: float) -> Iterator[Finding]:
    """What loading and calling the plugin of ``target`` shows, as it shows.

    config: a TOML file whose section of the plugin is used, its defaults when None.
    timeout: seconds that any single step may take before the process is killed.

    A crash and a hang are findings of the step that was under way; what would have followed is not
    looked at.
    """
    command = [sys.executable, "-m", "pacs_framework.authoring.inside", target.distribution.name]
    command += ["--plugin", target.name, "--timeout", str(timeout)]
    if config is not None:
        command += ["--config", str(config.absolute())]
    step = "import"
    with tempfile.TemporaryDirectory(prefix="pacs-check-") as folder:
        try:
            for message in told_by(command, folder=Path(folder), seconds=_START_SECONDS):
                if "step" in message:
                    step = message["step"]
                else:
                    yield Finding.from_json(message["finding"])
        except Ended as error:
            yield failed(step, f"its process {error}; what follows was not checked")
        except Overdue:
            yield failed(
                step, f"not through after {timeout:g} s (--timeout); what follows was not checked"
            )
