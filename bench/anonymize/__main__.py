"""``python -m bench.anonymize``: this de-identification beside those of others.

python -m bench.anonymize [--quick] [--only NAME,…] [--json [FILE]]
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench.anonymize.given import generated, real
from bench.anonymize.score import Score, score
from bench.anonymize.subjects import OURS, SUBJECTS
from bench.machine import describe

_FASTER = 4.0
_INSTANCES, _QUICK_INSTANCES = 60, 10
_ROUNDS, _QUICK_ROUNDS = 3, 1


@click.command()
@click.option("--quick", is_flag=True, help="Fewer instances, one round.")
@click.option("--only", default="", help="Names of those to compare, with commas.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--out", type=click.Path(path_type=Path), help="Keep the JSON in a file as well.")
def main(quick: bool, only: str, as_json: bool, out: Path | None) -> None:
    """Identifiers left, values lost, and instances a second, header only.

    Exit code 1 when one of the two bars is missed.
    """
    names = [name.strip() for name in only.split(",") if name.strip()] or list(SUBJECTS)
    unknown = [name for name in names if name not in SUBJECTS]
    if unknown:
        raise click.UsageError(f"no {unknown[0]!r} is compared: there are {', '.join(SUBJECTS)}")
    planted, files = generated(_QUICK_INSTANCES if quick else _INSTANCES), real()
    missing = {name: SUBJECTS[name].missing for name in names if SUBJECTS[name].missing}
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    scores = [score(name, planted, files, rounds) for name in names if name not in missing]
    bars = judge(scores)
    document = {
        "machine": describe(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "generated": len(planted),
        "real": len(files),
        "scores": [each.as_json() for each in scores],
        "missing": missing,
        "bars": bars,
    }
    if out is not None:
        out.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    if as_json:
        click.echo(json.dumps(document, indent=1))
    else:
        _print(scores, missing, bars)
    sys.exit(0 if all(bar["met"] for bar in bars) else 1)


def judge(scores: list[Score]) -> list[dict[str, object]]:
    """The two bars, where the subjects that they speak of took part."""
    ours = next((each for each in scores if each.name == OURS), None)
    others = [each.two_cores for each in scores if each.name != OURS and each.two_cores]
    if ours is None:
        return []
    left = ours.planted_left + ours.real_left
    bars: list[dict[str, object]] = [
        {"bar": "no identifier left", "measured": left, "met": left == 0}
    ]
    if others:
        times = ours.two_cores / max(others)
        bars.append(
            {
                "bar": f"{_FASTER:.0f} × the fastest other, two cores",
                "measured": round(times, 1),
                "met": times >= _FASTER,
            }
        )
    return bars


def _print(scores: list[Score], missing: dict[str, str], bars: list[dict[str, object]]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160)
    table = Table(title="De-identification, header only", title_justify="left", box=None)
    for head in ("", "planted left", "real left", "values lost", "failed", "one core/s", "two/s"):
        table.add_column(head, justify="right" if head else "left")
    for each in scores:
        table.add_row(
            f"{each.name} {each.version} ({each.settings})",
            f"{each.planted_left:,} of {each.planted:,}",
            f"{each.real_left:,} of {each.real_values:,}",
            f"{each.lost:,} of {each.kept_values:,}",
            str(each.failed),
            f"{each.one_core:,.0f}",
            f"{each.two_cores:,.0f}",
        )
    console.print(table)
    for name, reason in missing.items():
        console.print(f"  {name} is missing: {reason}", highlight=False)
    for bar in bars:
        mark = "[green]met[/]" if bar["met"] else "[red]missed[/]"
        console.print(f"  {bar['bar']}: {bar['measured']} {mark}", highlight=False)
    for each in scores:
        told = ", ".join(each.most_lost[:8]) or "nothing"
        console.print(f"  {each.name} lost {told}", highlight=False)
    console.print(f"  {os.cpu_count()} cores, {describe()['processor']}", highlight=False)


if __name__ == "__main__":
    main()
