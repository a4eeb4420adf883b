"""``pacs fetch pull``: what is missing here comes over, and is counted again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from pacs_fetch.commands.opening import beside, range_options, source_of
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import counting, json_option, print_json
from pacs_framework.jobs import JobFilter, JobState
from pacs_framework.live import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacs_framework.archive.archive import Archive
    from pacs_framework.dicom.attributes import Level
    from pacs_framework.jobs import Job, JobOrder, JobQueue
    from pacs_framework.moving.listing import DateRange

__all__ = ["pull"]

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pulled:
    """What became of a study. ``there`` is what the source counts, None where it does not."""

    study: str
    done: bool
    there: int | None
    here: int
    error: str

    @property
    def differs(self) -> bool:
        return self.there is not None and self.here != self.there


@click.command("pull")
@archive_options
@click.argument("source")
@range_options
@click.option("--no-wait", is_flag=True, help="Put it in the queue, and do not wait for it.")
@json_option
@click.pass_context
def pull(
    context: click.Context,
    choice: ArchiveChoice,
    source: str,
    dates: DateRange,
    days: int,
    level: Level,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Fetch what SOURCE has and is missing here, and compare again.

    The running archive does it, study by study, whatever becomes of this command; run it again to
    watch the rest. What only we have is not touched. Exit code 0 when all is here, else 1.

    \b
    Example:
        pacs fetch pull old --study-date 20260101-20261231
    """
    from pacs_fetch.sources import OtherArchive  # noqa: PLC0415 - `--help` needs no wire
    from pacs_fetch.syncing.comparing import compared  # noqa: PLC0415
    from pacs_fetch.syncing.work import orders_of  # noqa: PLC0415

    queued, pulled = 0, []
    with beside(choice) as (archive, settings), counting("pulling studies") as told:
        peer = OtherArchive(archive, source_of(settings, source))
        if not no_wait:
            _check_running(archive)
        for part in compared(archive, peer, dates, days=days, level=level):
            orders = orders_of(source, part.differences)
            queued += len(orders)
            for each in _carried_out(archive, orders, wait=not no_wait):
                pulled.append(each)
                told(len(pulled), queued)
    if as_json:
        print_json({"queued": queued, "studies": [asdict(each) for each in pulled]})
    else:
        _print(pulled, queued, waited=not no_wait)
    if not all(each.done for each in pulled):
        context.exit(1)


def _check_running(archive: Archive) -> None:
    if not ask(archive.data, "health"):
        raise click.ClickException(
            f"no archive is running on {str(archive.data)!r} that could fetch: start `pacs serve`, "
            "or give --no-wait"
        )


def _carried_out(archive: Archive, orders: Sequence[JobOrder], *, wait: bool) -> Iterator[_Pulled]:
    for first in range(0, len(orders), _PAGE):
        some = orders[first : first + _PAGE]
        ids = {each.id for each in archive.jobs.enqueue(some)}
        if wait:
            for job in _ended(archive.jobs, ids, lambda text: click.echo(text, err=True)):
                yield _judged(archive, job)


def _ended(queue: JobQueue, ids: set[str], say: Callable[[str], None]) -> Iterator[Job]:
    """The jobs as they end. What keeps them waiting is said once."""
    said: set[str] = set()
    with queue.news() as news:
        while ids:
            news.wait(None)
            for job in queue.find(JobFilter(ids=sorted(ids)), most=len(ids)):
                if job.state.is_over:
                    ids.discard(job.id)
                    yield job
                elif job.error and job.error not in said:
                    said.add(job.error)
                    say(f"waits: {job.error}")


def _judged(archive: Archive, job: Job) -> _Pulled:
    study, there = job.payload["study"], job.payload.get("instances")
    return _Pulled(
        study=study,
        done=job.state is JobState.DONE,
        there=there,
        here=archive.lookup.count_of_study(study),
        error=job.error or ("" if job.state is JobState.DONE else str(job.state)),
    )


def _print(pulled: Sequence[_Pulled], queued: int, *, waited: bool) -> None:
    if not waited:
        click.echo(f"{queued} studies are to be fetched; `pacs fetch sources` shows how far it is")
        return
    for each in pulled:
        if not each.done:
            click.echo(f"{each.study}: {each.error}", err=True)
        elif each.differs:
            click.echo(
                f"{each.study}: {each.here} instances are here, all that the source names; it "
                f"counts {each.there}",
                err=True,
            )
    done = sum(each.done for each in pulled)
    click.echo(f"{done} studies fetched, {len(pulled) - done} failed")
