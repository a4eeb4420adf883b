"""``pacs tiers``: look at copies and tiers, plan and do moves, pin studies, repair."""

from __future__ import annotations

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import counting, json_option, print_json, print_table

__all__ = ["tiers"]

_studies = click.argument("studies", nargs=-1, required=True, metavar="STUDY...")


@click.group("tiers")
def tiers() -> None:
    """Copies of objects in several places, and tiers by age and use (storage `tiered:`)."""


@tiers.command("status")
@archive_options
@click.option("--objects", "count", is_flag=True, help="Count objects; lists every place.")
@json_option
@click.pass_context
def status(context: click.Context, choice: ArchiveChoice, count: bool, as_json: bool) -> None:
    """Tell which places answer, what room they have, and what is owed to objects.

    Exit code 1 when a place does not answer.

    \b
    Example:
        pacs tiers status --config pacs.toml --objects
    """
    from pacs_storage_tiered.looking import opened, tell_places, tell_tasks  # noqa: PLC0415

    with opened(choice) as backend:
        places = tell_places(backend, count=count)
        told = {"places": places, **tell_tasks(backend.book)}
    if as_json:
        print_json(told)
    else:
        columns = list(places[0])
        print_table(columns, [[_cell(place[c]) for c in columns] for place in places])
        owed = ", ".join(f"{n} {kind}" for kind, n in told["owed"].items())
        click.echo(f"\nowed: {owed or 'nothing'}; pinned: {len(told['pinned'])} studies")
        for task in told["tasks"]:
            if task["error"]:
                click.echo(f"{task['kind']} {task['key']}: {task['error']}")
    if not all(place["answers"] for place in places):
        context.exit(1)


@tiers.command("plan")
@archive_options
@json_option
def plan(choice: ArchiveChoice, as_json: bool) -> None:
    """List what the next cycle would move, and change nothing.

    \b
    Example:
        pacs tiers plan --config pacs.toml --json
    """
    from pacs_storage_tiered.looking import opened, tell_steps  # noqa: PLC0415
    from pacs_storage_tiered.planning import plan as planned  # noqa: PLC0415

    with opened(choice) as backend:
        found = tell_steps(planned(backend))
    if as_json:
        print_json(found)
        return
    columns = ("study", "from", "to", "objects", "bytes")
    print_table(columns, [[str(row[column]) for column in columns] for row in found])


@tiers.command("run")
@archive_options
@json_option
@click.pass_context
def run(context: click.Context, choice: ArchiveChoice, as_json: bool) -> None:
    """Do one cycle now: move what is to go on, and do all else that is owed.

    Works beside a running archive. Exit code 1 when something has to wait; it stays owed.

    \b
    Example:
        pacs tiers run --config pacs.toml
    """
    from pacs_storage_tiered.doing import working  # noqa: PLC0415

    with working(choice) as doing:
        planned = doing.cycle()
        done, waiting = doing.all_that_is_due()
    _tell_done(context, as_json, planned=planned, done=done, waiting=waiting)


@tiers.command("mark")
@archive_options
@click.argument("place", metavar="PLACE")
def mark(choice: ArchiveChoice, place: str) -> None:
    """Say that what is behind the URL of a place now is that place.

    After a disk was replaced: an empty folder without the mark of its place is refused, since it
    may be the one that the disk is mounted over. `pacs tiers repair` fills it then.

    \b
    Example:
        pacs tiers mark nas --config pacs.toml
    """
    from pacs_storage_tiered.looking import mark as marked  # noqa: PLC0415

    click.echo(f"place {place!r} is {marked(choice, place)}")


@tiers.command("pin")
@archive_options
@_studies
@click.option("--note", default="", help="Why, for whoever looks at the pins later.")
def pin(choice: ArchiveChoice, studies: tuple[str, ...], note: str) -> None:
    """Keep studies in the tier where they are, by Study Instance UID.

    \b
    Example:
        pacs tiers pin 1.2.840.113619.2.1 --note "teaching file"
    """
    from pacs_storage_tiered.looking import book_of, require_uids  # noqa: PLC0415

    require_uids(studies)
    with book_of(choice) as book:
        book.pin(studies, note)
    click.echo(f"{len(set(studies))} pinned")


@tiers.command("unpin")
@archive_options
@_studies
@click.pass_context
def unpin(context: click.Context, choice: ArchiveChoice, studies: tuple[str, ...]) -> None:
    """Let studies go on like others. Exit code 1 when one of them was not pinned.

    \b
    Example:
        pacs tiers unpin 1.2.840.113619.2.1
    """
    from pacs_storage_tiered.looking import book_of  # noqa: PLC0415

    with book_of(choice) as book:
        count = book.unpin(set(studies))
    click.echo(f"{count} unpinned")
    if count < len(set(studies)):
        context.exit(1)


@tiers.command("repair")
@archive_options
@click.option("--study", default="", help="Only this study, by its UID.")
@json_option
@click.pass_context
def repair(context: click.Context, choice: ArchiveChoice, study: str, as_json: bool) -> None:
    """Read every copy of every object and put right what is missing or damaged.

    Works beside a running archive. Exit code 1 when something could not be repaired; it stays owed.

    \b
    Example:
        pacs tiers repair --config pacs.toml --study 1.2.840.113619.2.1
    """
    from pacs_storage_tiered.doing import working  # noqa: PLC0415

    with working(choice) as doing, counting("checking copies") as count:
        found = doing.repair(study, count)
    _tell_done(context, as_json, **found._asdict())


def _tell_done(context: click.Context, as_json: bool, **counts: int) -> None:
    if as_json:
        print_json(counts)
    else:
        click.echo(", ".join(f"{count} {what}" for what, count in counts.items()))
    if counts["waiting"]:
        context.exit(1)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
