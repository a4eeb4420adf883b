"""The tables of a run: medians, spread, ratios, and which bars are met."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from bench.bars import Verdict, judge
from bench.results import OURS, Column, Result, Run

__all__ = ["markdown", "number", "print_report"]

_TITLES = {
    "peers": "Side by side: prepared bytes from one client, every peer with its best settings",
    "stock": "Stock tools as users have them, no environment set",
    "find": "C-FIND, time to the last answer unless stated (ms)",
    "hooks": "Cost of a hook by number of plugins (µs)",
    "worklist": "Modality worklist, time to the last of ten answers (ms)",
    "mpps": "Performed procedure steps, each an N-CREATE and an N-SET (1/s)",
    "jobs": "Jobs, each put in, taken and done durably (1/s)",
    "ai": "Inferences (ms)",
    "print": "Films (s)",
    "codecs": "Codecs: native pixels of a CT slice on one core (MB/s)",
    "scaling": "Decoders in processes of their own, as the archive runs them (MB/s)",
}
# Ratios are shown to these; more would only fill the page.
_RATIOS = {
    "peers": ("orthanc", "storescp"),
    "stock": ("orthanc",),
    "find": (),
    "hooks": (),
    "worklist": (),
    "mpps": (),
    "jobs": (),
    "ai": (),
    "print": (),
    "codecs": ("pydicom", "gdcm"),
    "scaling": (),
}
_BUSY = 0.6


def number(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _cell(column: Column | None) -> str:
    if column is None or column.median is None:
        return "–"
    spread = column.spread
    noise = f" ±{spread / 2:.0%}" if spread is not None else ""
    return f"{number(column.median)}{noise}"


def _cells(run: Run, table: str, result: Result, columns: Sequence[str]) -> list[str]:
    ratios = [result.ratio(peer) for peer in _against(run, table)]
    shown = [f"{ratio:.2f} ×" if ratio else "–" for ratio in ratios]
    return [
        f"{result.title} [{result.unit}]",
        *(_cell(result.columns.get(name)) for name in columns),
        *shown,
    ]


def _against(run: Run, table: str) -> list[str]:
    """The columns that a table has ratios to: peers of the run, or what it has measured itself."""
    measured = {name for result in run.of(table) for name in result.columns}
    return [name for name in _RATIOS[table] if name in run.peers or name in measured]


def _heads(run: Run, table: str, columns: Sequence[str]) -> list[str]:
    against = [f"× {name}" for name in _against(run, table)]
    return ["", *columns, *against]


def _columns(run: Run, table: str) -> list[str]:
    """The columns of a table; those of the tables without peers as they were measured."""
    known = run.columns(table)
    more = [name for r in run.of(table) for name, c in r.columns.items() if c.samples]
    return list(dict.fromkeys([*known, *more]))


def print_report(run: Run, console: Console) -> None:
    """Everything, for a terminal."""
    for table, title in _TITLES.items():
        results = list(run.of(table))
        if results:
            _print_table(run, table, title, results, console)
    _print_bars(run, console)
    for line in _footnotes(run):
        console.print(line, highlight=False, markup=False)


def _print_table(
    run: Run, table: str, title: str, results: Iterable[Result], console: Console
) -> None:
    columns = _columns(run, table)
    drawn = Table(title=title, title_justify="left", box=None, header_style="bold")
    for position, head in enumerate(_heads(run, table, columns)):
        drawn.add_column(head, justify="right" if position else "left", no_wrap=True)
    for result in results:
        # Brackets of units are no markup.
        drawn.add_row(*(cell.replace("[", r"\[") for cell in _cells(run, table, result, columns)))
    console.print(drawn)
    console.print()


def _print_bars(run: Run, console: Console) -> None:
    verdicts = list(judge(run))
    if not verdicts:
        return
    drawn = Table(title="Bars", title_justify="left", box=None, header_style="bold")
    for head, justify in (("", "left"), ("bar", "left"), ("measured", "right"), ("", "left")):
        drawn.add_column(head, justify=justify)  # type: ignore[arg-type]
    for verdict in verdicts:
        colour = "green" if verdict.met else "yellow" if verdict.not_judged else "red"
        mark = f"[{colour}]{_mark(verdict)}[/]"
        drawn.add_row(verdict.bar.row, verdict.text, number(verdict.value), mark)
    console.print(drawn)
    console.print(f"{_count(verdicts)}\n", highlight=False)


def _mark(verdict: Verdict) -> str:
    if verdict.not_judged:
        return f"not judged: {verdict.not_judged}"
    return "met" if verdict.met else "missed"


def _count(verdicts: Sequence[Verdict]) -> str:
    """Those that are not judged count neither as met nor among those that could be."""
    judged = [verdict for verdict in verdicts if not verdict.not_judged]
    told = f"{sum(verdict.met for verdict in judged)} of {len(judged)} bars met"
    left = len(verdicts) - len(judged)
    return f"{told}, {left} not judged" if left else told


def _footnotes(run: Run) -> Iterable[str]:
    machine = run.machine
    yield (
        f"Medians; ± half the interquartile range; ratios above 1 are in favour of {OURS}. "
        f"{machine['cores']} cores, {machine['processor']}, {machine['memory_gb']} GB, "
        f"{machine['file_system']}, {machine['system']}, kernel {machine['kernel']}, "
        f"{'quick ' if run.quick else ''}run of {run.seconds:.0f} s, {run.started}"
    )
    for name, facts in run.peers.items():
        yield f"  {name}: {facts['version']}; {facts['settings']}. {facts['durability']}"
    for name, reason in run.missing.items():
        yield f"  {name} is missing: {reason}"
    for result in run.results:
        for name, column in result.columns.items():
            if column.note:
                yield f"  {result.name}, {name}: {column.note}"
            if column.client_share > _BUSY:
                share = f"{column.client_share:.0%}"
                yield f"  {result.name}, {name}: the client was busy for {share} of the time"


def markdown(run: Run) -> str:
    """The tables and the bars for a page of the documentation."""
    lines: list[str] = []
    for table, title in _TITLES.items():
        results = list(run.of(table))
        if not results:
            continue
        columns = _columns(run, table)
        heads = _heads(run, table, columns)
        lines += [f"### {title}", "", _line(heads), _line(["---", *["--:"] * (len(heads) - 1)])]
        lines += [_line(_cells(run, table, result, columns)) for result in results]
        lines.append("")
    verdicts = list(judge(run))
    if verdicts:
        lines += ["### Bars", "", _line(["row", "bar", "measured", ""]), _line(["---"] * 4)]
        for v in verdicts:
            mark = _mark(v) if v.met or v.not_judged else "**missed**"
            lines.append(_line([v.bar.row, v.text, number(v.value), mark]))
        lines += ["", f"{_count(verdicts)}.", ""]
    lines += [f"- {line.strip()}" for line in _footnotes(run)]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
