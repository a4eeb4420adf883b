"""``python -m bench``: measure this archive beside its peers.

python -m bench [--quick] [--rows small,echo] [--peers ours,orthanc] [--json FILE] [--publish]
"""

from __future__ import annotations

import datetime as dt
import logging
import resource
import sys
from pathlib import Path

import click
import structlog
from rich.console import Console

from bench.packages import install_peers
from bench.peers import PEERS
from bench.publish import publish_run
from bench.report import print_report
from bench.results import Run
from bench.rows import FAMILIES, family_names
from bench.rows.codecs import CODEC_ROWS
from bench.rows.query import query_rows
from bench.session import Wanted, measure

_ROOT = Path(__file__).resolve().parent.parent
_RESULTS = _ROOT / "bench" / "results"
_DOCS = _ROOT / "docs" / "explanation"


def _names(_: object, __: object, value: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (value or "").split(",") if part.strip())


@click.command()
@click.option("--quick", is_flag=True, help="Fewer repetitions and sizes.")
@click.option("--rows", callback=_names, help="Rows or families to measure, with commas.")
@click.option("--peers", callback=_names, help="Peers to measure, with commas.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to keep it all.")
@click.option("--publish", is_flag=True, help="Write tables, plot and JSON into docs/explanation.")
@click.option("--from", "earlier", type=click.Path(path_type=Path, exists=True))
@click.option("--install", is_flag=True, help="Install the peers first, with apt-get.")
@click.option(
    "--scratch",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder for the peers' data.",
)
def main(
    quick: bool,
    rows: tuple[str, ...],
    peers: tuple[str, ...],
    json_file: Path | None,
    publish: bool,
    earlier: Path | None,
    install: bool,
    scratch: Path | None,
) -> None:
    """Measure this archive beside Orthanc, DCMTK and pynetdicom.

    With --from FILE nothing is measured: the report is made from an earlier JSON file.
    """
    _allow_many_descriptors()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    console = Console(width=None if sys.stdout.isatty() else 180)
    if earlier is not None:
        run = Run.load(earlier)
    else:
        _check(rows, peers)
        if install:
            install_peers(console.print)
        target = json_file or _RESULTS / f"{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}.json"
        run = measure(console, Wanted(quick, rows, peers), target, scratch)
        console.print(f"\nall samples are in {target}\n", highlight=False)
    print_report(run, console)
    if publish:
        publish_run(run, _DOCS)


def _allow_many_descriptors() -> None:
    """For 1,000 associations; peers and client inherit the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))


def _check(rows: tuple[str, ...], peers: tuple[str, ...]) -> None:
    known = {*family_names(), *CODEC_ROWS}
    known |= {row.name for family in FAMILIES for row in family.rows}
    known |= {row.name for row in query_rows(())}
    for name in rows:
        if name not in known:
            raise click.BadParameter(f"{name!r} is none of {', '.join(sorted(known))}")
    for name in peers:
        if name not in PEERS:
            raise click.BadParameter(f"{name!r} is none of {', '.join(PEERS)}")


if __name__ == "__main__":
    main()
