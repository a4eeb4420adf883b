"""What must be true: the bars that the project has set itself, on two cores over loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.results import OURS, Run

__all__ = ["BARS", "AtLeast", "AtMost", "Bar", "Reaches", "Verdict", "flatness", "judge"]


@dataclass(frozen=True, slots=True)
class AtLeast:
    """We are at least ``times`` as good as ``peer``; ``ours`` may be another column of ours.

    Not judged on a machine with fewer ``cores``. ``ceiling`` is the column of what nobody could
    beat there: told beside the bar, and no excuse.
    """

    row: str
    peer: str
    times: float
    ours: str = OURS
    cores: int = 1
    ceiling: str = ""


@dataclass(frozen=True, slots=True)
class NotBelow:
    """What we reach in ``row`` is no less than in ``other``."""

    row: str
    other: str
    ours: str = OURS


@dataclass(frozen=True, slots=True)
class AtMost:
    """Our figure stays below ``limit``, in the unit of the row."""

    row: str
    limit: float
    columns: tuple[str, ...] = (OURS,)


@dataclass(frozen=True, slots=True)
class Reaches:
    """Our figure is no less than ``limit``, in the unit of the row."""

    row: str
    limit: float


@dataclass(frozen=True, slots=True)
class Flat:
    """Our figures over several sizes lie within ``share`` of the smallest size's."""

    row: str
    prefix: str
    share: float = 0.2


Bar = AtLeast | NotBelow | AtMost | Reaches | Flat


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bar held against a run: the figure that counts, and whether it is met.

    ``not_judged`` says why it is neither met nor missed; it is not met then.
    """

    bar: Bar
    text: str
    value: float
    met: bool
    not_judged: str = ""


_WORKERS = "ours-workers"
_FIND = ("study-uid", "study-patient", "study-accession", "study-name", "study-day", "series")

_DECODED = (
    *("jpeg", "jpeg-12", "jpeg-lossless", "jpeg-ls", "jpeg-ls-near", "jpeg2000"),
    *("jpeg2000-lossy", "htj2k", "htj2k-lossy", "rle"),
)

BARS: tuple[Bar, ...] = (
    AtMost("associate", 1.0),
    AtLeast("echo", "orthanc", 1.0),
    AtLeast("store-mr-1", "orthanc", 3.0),
    AtLeast("store-mr-1", "storescp", 0.75),
    AtLeast("store-mr-4", "orthanc", 5.0),
    AtLeast("store-mr-4", "storescp-fork", 1.0),
    AtLeast("store-mr-16", "orthanc", 5.0),
    NotBelow("store-mr-16", "store-mr-4"),
    NotBelow("store-mr-16", "store-mr-4", ours=_WORKERS),
    *(AtLeast(f"store-ct-{n}", "orthanc", 3.0) for n in (1, 4, 16)),
    *(AtLeast(f"store-ct-{n}", "storescp", 1.0) for n in (1, 4, 16)),
    *(
        AtLeast(f"s3-{kind}-16", "ours", 0.5, ours="ours-s3", ceiling="s3-puts")
        for kind in ("mr", "ct")
    ),
    # Client, database and both nodes want a core each before a second node can show what it does.
    *(AtLeast(f"nodes-{k}-16", "ours-pg", 1.5, ours="ours-nodes", cores=4) for k in ("mr", "ct")),
    *(AtLeast(f"stow-{kind}", "orthanc", 3.0) for kind in ("mr", "ct")),
    AtLeast("get-raw", "orthanc", 1.5),
    AtLeast("move-raw", "orthanc", 1.5),
    AtLeast("forward-ct", "orthanc-stock", 3.0),
    AtLeast("tuned-getscu", "orthanc", 1.0),
    AtLeast("tuned-movescu", "orthanc", 1.0),
    AtMost("idle-memory", 64.0),
    AtMost("idle-cpu", 1.0),
    AtMost("growth-in", 64.0),
    AtMost("growth-out", 64.0),
    AtMost("growth-web", 64.0),
    AtMost("stop", 110.0),
    AtMost("worklist-day", 20.0),
    Reaches("mpps-messages", 500.0),
    Reaches("mpps-worklist", 500.0),
    Reaches("jobs-sqlite", 50.0),
    Reaches("jobs-postgresql", 200.0),
    AtMost("ai-overhead", 150.0),
    AtMost("film-300", 1.0),
    AtMost("print-sessions", 10.0),  # and none of the fifty is lost, or there is no figure
    AtLeast("stock-storescu", "orthanc", 20.0),
    AtLeast("stock-getscu", "orthanc", 10.0),
    AtLeast("stock-movescu", "orthanc", 10.0),
    AtLeast("wado-study", "orthanc", 1.5),
    AtLeast("qido-study", "orthanc", 3.0),
    AtLeast("qido-series", "orthanc", 3.0),
    AtLeast("metadata-cold", "orthanc", 5.0),
    AtLeast("metadata-warm", "orthanc", 5.0),
    AtLeast("stow-mr", "orthanc", 3.0),
    AtLeast("stow-ct", "orthanc", 3.0),
    *(AtLeast(f"decode-{name}", "pydicom", 2.0) for name in _DECODED),
    *(AtLeast(f"scale-{n}", "1 process", 1.6, ours="2 processes") for n in ("htj2k", "jpeg2000")),
    *(Flat(f"find-{name}", "ours-") for name in (*_FIND, "images")),
    *(Flat(f"find-{name}", "ours-pg-") for name in (*_FIND, "images")),
    AtMost("find-study-day-first", 20.0, ("ours-3k", "ours-120k", "ours-1.3M")),
    AtMost("find-study-day-first", 20.0, ("ours-pg-3k", "ours-pg-120k", "ours-pg-1.3M")),
)


def flatness(run: Run, row: str, prefix: str) -> float | None:
    """The largest of our medians over that of the smallest size; None with one size only."""
    result = run.result(row)
    if result is None:
        return None
    medians = [
        column.median
        for name, column in result.columns.items()
        if name.startswith(prefix) and name.removeprefix(prefix)[:1].isdigit()
    ]
    known = [median for median in medians if median]
    return max(known) / known[0] if len(known) > 1 else None


def judge(run: Run) -> Iterator[Verdict]:
    """Every bar that the run has figures for."""
    for bar in BARS:
        match bar:
            case AtLeast():
                verdict = _at_least(run, bar)
            case NotBelow():
                verdict = _not_below(run, bar)
            case AtMost():
                verdict = _at_most(run, bar)
            case Reaches():
                verdict = _reaches(run, bar)
            case Flat():
                verdict = _flat(run, bar)
        if verdict is not None:
            yield verdict


def _at_least(run: Run, bar: AtLeast) -> Verdict | None:
    result = run.result(bar.row)
    ratio = result.ratio(bar.peer, ours=bar.ours) if result else None
    if result is None or ratio is None:
        return None
    most = result.ratio(bar.peer, ours=bar.ceiling) if bar.ceiling else None
    beside = f" ({bar.ceiling} alone: {most:.2f} ×)" if most else ""
    text = f"≥ {bar.times:g} × {bar.peer}{_with(bar.ours)}{beside}"
    cores = run.machine.get("cores", 1)
    if cores < bar.cores:
        return Verdict(bar, text, ratio, False, f"{bar.cores} cores are needed, {cores} are here")
    return Verdict(bar, text, ratio, ratio >= bar.times)


def _not_below(run: Run, bar: NotBelow) -> Verdict | None:
    medians = [
        column.median
        for result in (run.result(bar.row), run.result(bar.other))
        if result is not None and (column := result.columns.get(bar.ours)) is not None
    ]
    known = [median for median in medians if median]
    if len(known) < 2:
        return None
    value = known[0] / known[1]
    return Verdict(bar, f"≥ 1 × {bar.other}{_with(bar.ours)}", value, value >= 1)


def _with(ours: str) -> str:
    return "" if ours == OURS else f", {ours}"


def _at_most(run: Run, bar: AtMost) -> Verdict | None:
    result = run.result(bar.row)
    if result is None:
        return None
    medians = [result.columns[name].median for name in bar.columns if name in result.columns]
    known = [median for median in medians if median is not None]
    if not known:
        return None
    worst = max(known)
    return Verdict(bar, f"≤ {bar.limit:g} {result.unit}", worst, worst <= bar.limit)


def _reaches(run: Run, bar: Reaches) -> Verdict | None:
    result = run.result(bar.row)
    reached = result.columns[OURS].median if result and OURS in result.columns else None
    if result is None or reached is None:
        return None
    text = f"≥ {bar.limit:g} {result.unit}"
    return Verdict(bar, text, reached, reached >= bar.limit)


def _flat(run: Run, bar: Flat) -> Verdict | None:
    value = flatness(run, bar.row, bar.prefix)
    if value is None:
        return None
    engine = "PostgreSQL" if "pg" in bar.prefix else "SQLite"
    text = f"flat within {bar.share:.0%}, {engine}"
    return Verdict(bar, text, value, value <= 1 + bar.share)
