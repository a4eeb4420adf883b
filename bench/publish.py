"""The last full run in the documentation: its tables, its picture, and the samples behind them."""

from __future__ import annotations

from pathlib import Path

from bench.plot import svg
from bench.report import markdown
from bench.results import Run

__all__ = ["BEGIN", "END", "publish_run"]

BEGIN = "<!-- written by `python -m bench --publish` -->"
END = "<!-- end of what is written -->"


def publish_run(run: Run, folder: Path) -> None:
    """Put the run into ``performance.md`` in ``folder``, between its two markers.

    The picture and the samples go beside it. Raises ValueError where the markers are missing.
    """
    page = folder / "performance.md"
    head, found, rest = page.read_text("utf-8").partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"{page} has no place for a run: {BEGIN!r} and {END!r} are missing")
    middle = f"![How many times better than each peer](performance.svg)\n\n{markdown(run)}"
    page.write_text(f"{head}{BEGIN}\n\n{middle}\n{END}{tail}", "utf-8")
    (folder / "performance.svg").write_text(svg(run), "utf-8")
    run.save(folder / "performance.json")
