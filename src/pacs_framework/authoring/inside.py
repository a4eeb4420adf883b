"""The process in which a plugin is checked: ``python -m pacs_framework.authoring.inside NAME``.

The kernel is imported first, so that the time of the plugin's import is its own. Each step is
announced before it begins, with the seconds that it may take.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pacs_framework.cli.main
import pacs_framework.cli.options
import pacs_framework.cli.output
import pacs_framework.cli.peer  # noqa: F401 - with the others: all of the kernel that plugins use
from pacs_framework.authoring.calling import check_decide, check_notify, check_register
from pacs_framework.authoring.channel import FD_OPTION, Teller
from pacs_framework.authoring.loading import (
    Loaded,
    check_configuration,
    check_documented,
    check_hooks,
    check_import,
    load_alone,
)
from pacs_framework.authoring.report import Finding
from pacs_framework.authoring.target import Target, installed
from pacs_framework.config import LogSettings
from pacs_framework.logs import configure_logging

__all__ = ["Steps", "check_inside", "main"]


class Steps:
    """Tells of each step and of what was found in it."""

    def __init__(self, tell: Callable[..., None], timeout: float) -> None:
        self._tell = tell
        self._timeout = timeout

    def begin(self, step: str) -> None:
        """From now on it is ``step`` that crashes or hangs."""
        self._tell(step=step, seconds=self._timeout)

    def tell(self, findings: Iterable[Finding]) -> None:
        """Pass findings on as they are made."""
        for finding in findings:
            self._tell(finding=finding.as_json())


def main() -> None:
    """Check the plugin that the arguments name, and tell through the descriptor given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("distribution")
    parser.add_argument("--plugin", required=True)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--timeout", type=float, required=True)
    parser.add_argument(FD_OPTION, type=int, required=True, dest="descriptor")
    options = parser.parse_args()
    configure_logging(LogSettings(level="error", format="json"))
    teller = Teller(options.descriptor)
    steps = Steps(teller.tell, options.timeout)
    with tempfile.TemporaryDirectory(prefix="pacs-check-") as folder:
        check_inside(steps, _target(options), options.config, Path(folder))
    teller.close()
    # A thread that a plugin has started and not ended is none of ours to wait for.
    os._exit(0)


def _target(options: argparse.Namespace) -> Target:
    return Target(name=options.plugin, distribution=installed(options.distribution))


def check_inside(steps: Steps, target: Target, config: Path | None, folder: Path) -> None:
    """Check in this process, step by step; one that makes the next ones pointless is the last.

    ``folder`` is for archives that are thrown away.
    """
    steps.begin("import")
    entry, findings = check_import(target)
    steps.tell(findings)
    if entry is None:
        return
    steps.begin("hooks")
    loaded, findings = load_alone(target, entry, config)
    steps.tell(findings)
    if loaded is None:
        return
    steps.tell(check_hooks(loaded))
    steps.tell(check_documented(loaded))
    steps.begin("configuration")
    steps.tell(check_configuration(loaded, folder))
    if not loaded.reason:
        _call(steps, loaded, folder)


def _call(steps: Steps, loaded: Loaded, folder: Path) -> None:
    for hook in loaded.register_hooks:
        steps.begin(hook.name)
        steps.tell(check_register(loaded, hook, folder))
        if loaded.reason:  # an archive would go on without the plugin, or not start at all
            return
    for implementation in loaded.decisions:
        steps.begin(implementation.hook.name)
        steps.tell(check_decide(loaded, implementation))
    for implementation in loaded.notifications:
        steps.begin(implementation.hook.name)
        steps.tell(check_notify(loaded, implementation, folder))


if __name__ == "__main__":
    main()
