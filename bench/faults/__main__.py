"""``python -m bench.faults``: let everything go wrong under load, and count what was lost.

python -m bench.faults [--only kill,enospc-packs] [--times N] [--short] [--seed N] [--json FILE]
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench.faults.campaign import Campaign
from bench.faults.fault import Fault
from bench.faults.kinds import all_faults
from bench.faults.processes import Nursery
from bench.faults.results import Row, as_json, as_markdown, as_table

_WIDTH = 160


@click.command()
@click.option("--only", help="Names of faults, or their beginnings, with commas.")
@click.option("--times", type=click.IntRange(min=1), help="How often each fault happens.")
@click.option("--short", is_flag=True, help="Each fault a few times only.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of all random choices.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to keep it all.")
@click.option("--markdown", type=click.Path(path_type=Path), help="Write the table as Markdown.")
@click.option("--scratch", type=click.Path(path_type=Path), help="Folder for the archives.")
@click.option("--list", "listed", is_flag=True, help="Name the faults, and what is missing here.")
def main(
    only: str | None,
    times: int | None,
    short: bool,
    seed: int,
    json_file: Path | None,
    markdown: Path | None,
    scratch: Path | None,
    listed: bool,
) -> None:
    """Kill, cut, fill and freeze archives under load; exit code 1 when anything is lost or wrong.

    \b
    Example:
        python -m bench.faults --only kill,s3 --times 10 --json faults.json
    """
    faults = _chosen(only)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    if listed:
        for fault in faults:
            told = f"  (skipped here: {why})" if (why := fault.missing()) else ""
            console.print(f"{fault.name:22} {fault.title}: {fault.setup}{told}")
        return
    folder = Path(tempfile.mkdtemp(prefix="pacs-faults-", dir=scratch))
    started, clock = dt.datetime.now(dt.UTC), time.monotonic()

    def keep(rows: Sequence[Row]) -> None:
        if json_file:
            minutes = (time.monotonic() - clock) / 60
            facts = {"started": started.isoformat(), "minutes": minutes, "seed": seed}
            json_file.write_text(as_json(rows, cores=os.cpu_count(), **facts))

    with Nursery() as nursery:
        campaign = Campaign(nursery, folder, seed=seed, times=times, short=short)
        rows = _run(console, campaign, faults, keep)
    console.print(as_table(rows))
    _tell(console, rows, (time.monotonic() - clock) / 60)
    if markdown:
        markdown.write_text(as_markdown(rows))
    if all(row.good for row in rows):
        shutil.rmtree(folder, ignore_errors=True)
        return
    console.print(f"archives and logs of what went wrong are in {folder}")
    sys.exit(1)


def _chosen(only: str | None) -> list[Fault]:
    faults = all_faults()
    if only is None:
        return faults
    chosen: dict[str, Fault] = {}
    for part in filter(None, map(str.strip, only.split(","))):
        exact = [fault for fault in faults if fault.name == part]
        found = exact or [fault for fault in faults if fault.name.startswith(part)]
        if not found:
            names = ", ".join(fault.name for fault in faults)
            raise click.BadParameter(f"no fault {part!r}; there are {names}", param_hint="--only")
        chosen |= {fault.name: fault for fault in found}
    return list(chosen.values())


def _run(
    console: Console, campaign: Campaign, faults: list[Fault], keep: Callable[[Sequence[Row]], None]
) -> list[Row]:
    """A bar on a terminal, a line for each fault elsewhere; ``keep`` is called after each."""
    rows: list[Row] = []
    columns = (
        TextColumn("{task.description:24}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}  {task.fields[told]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None, told="")

        def told(row: Row, of: int) -> None:
            bad = f"{len(row.lost)} lost, {len(row.wrong)} wrong"
            bar.update(task, description=row.name, completed=row.times, total=of, told=bad)

        campaign.progress = told
        for row in campaign.run(faults):
            rows.append(row)
            keep(rows)
            bar.console.print(_line(row))
    return rows


def _line(row: Row) -> str:
    if row.skipped:
        return f"{row.name:22} skipped: {row.skipped}"
    verdict = "good" if row.good else f"{len(row.lost)} LOST, {len(row.wrong)} WRONG"
    return (
        f"{row.name:22} {row.times:4} times, {row.acknowledged:7,} acknowledged, "
        f"{row.refused + row.broken:5,} troubled, {row.seconds:6.0f} s: {verdict}"
    )


def _tell(console: Console, rows: list[Row], minutes: float) -> None:
    for row in rows:
        for uid in row.lost[:10]:
            console.print(f"lost by {row.name}: {uid}")
        for wrong in row.wrong[:10]:
            console.print(f"wrong after {row.name}: {wrong}", markup=False)
        for why in sorted(set(row.not_met)):
            console.print(f"{row.name}: {row.not_met.count(why)} times nothing was shown: {why}")
    console.print(f"{minutes:.1f} minutes")


if __name__ == "__main__":
    main()
