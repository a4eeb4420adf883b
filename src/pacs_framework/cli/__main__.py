"""``python -m pacs_framework.cli`` is ``pacs``."""

from __future__ import annotations

from pacs_framework.cli.main import main

main(prog_name="pacs")
