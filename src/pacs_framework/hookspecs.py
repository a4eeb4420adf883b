"""The contract between the kernel and its plugins: every hook, in the order of an archive's life.

A plugin is a distribution with an entry point in the group ``pacs.plugins``. The object behind it
(a module, or a class that is called without arguments) carries functions marked with `hookimpl`,
named as below. An implementation takes any of the listed parameters by name, in any order, and
may leave out those it does not need.

Every hook is of one kind, and the kind says what an exception does:

``REGISTER``
    Called once while the archive starts. An exception makes the plugin FAILED; if the
    configuration asks for that plugin, the start stops.
``DECIDE``
    Called in the configured order, and the operation waits. The first refusal ends it. An
    exception fails *closed*: the operation gets a failure status and the log names the plugin;
    never silence, never SUCCESS.
``NOTIFY``
    Called after the commit from the change feed, at least once per change, also across a crash: an
    implementation must bear repetition. An exception is logged, counted and retried with back-off;
    other plugins do not notice.

Each call has its time (``[plugins.limits.NAME]``), and running over it is a failure like an
exception. So that the archive can walk away, hooks run in threads of its own choice: an
implementation must not count on being called in the same one twice. After repeated failures a hook
is not called for a while (a circuit). A plugin that is not in ``[plugins] optional`` then refuses
all that it would have judged; the change feed waits with it.

``settings`` is always the validated model of the plugin's own section (see `config_models`), or
None where the plugin has none. Hooks are ordinary blocking functions.

A plugin may offer hooks of its own for other plugins to implement (see `add_hookspecs`). An
implementation of a hook that no active plugin offers makes its plugin FAILED; one that is marked
``@hookimpl(optionalhook=True)`` is left out instead, and the log and ``pacs plugins`` say so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

if TYPE_CHECKING:
    import click
    from pydantic import BaseModel

    from pacs_framework.anonymizers.anonymizer import Anonymizer
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change
    from pacs_framework.archive.incoming import IncomingInstance, StoreAnswer
    from pacs_framework.archive.outgoing import OutgoingInstance, RetrieveAnswer
    from pacs_framework.background import Background
    from pacs_framework.codecs.codec import Codec
    from pacs_framework.conformance.records import Contribution
    from pacs_framework.doors import Door
    from pacs_framework.jobs import JobKind, JobKinds, JobQueue
    from pacs_framework.network.decisions import AssociationRequest, Narrowing, Rejection
    from pacs_framework.network.service import DimseService
    from pacs_framework.storage import BackendFactory
    from pacs_framework.tables import PluginTables

__all__ = ["PROJECT", "HookKind", "hookimpl", "hookspec", "kind_of"]

PROJECT = "pacs"

hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of the same name."""

_F = TypeVar("_F", bound=Callable[..., Any])

_hookspec = pluggy.HookspecMarker(PROJECT)


class HookKind(StrEnum):
    """How a hook is called, and what an exception in it means."""

    REGISTER = "register"
    DECIDE = "decide"
    NOTIFY = "notify"


def hookspec(kind: HookKind) -> Callable[[_F], _F]:
    """Mark the specification of a hook with its kind, which `kind_of` reads back.

    For a plugin that offers hooks of its own, too (see `add_hookspecs`): a function that is never
    called, with a docstring, and with parameters that have no defaults.
    """

    def mark(function: _F) -> _F:
        function.pacs_hook_kind = kind  # type: ignore[attr-defined]
        return _hookspec(function)

    return mark


def kind_of(function: Callable[..., Any]) -> HookKind:
    """The kind of a hook specification."""
    kind: HookKind = function.pacs_hook_kind  # type: ignore[attr-defined]
    return kind


# --- while the archive starts ---------------------------------------------------------------


@hookspec(HookKind.REGISTER)
def add_hookspecs() -> object:
    """Offer hooks of the plugin's own, which other plugins implement like those of the kernel.

    Kind: REGISTER; called before any implementation is looked at, so the order of plugins does not
    matter.
    Returns: a module, or an object, with functions marked by `hookspec`. The plugin has them called
    through ``archive.hooks`` (see `OfferedHooks`). A hook of a name that is taken makes the later
    plugin FAILED.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def config_models() -> type[BaseModel]:
    """Describe the plugin's own section ``[plugin.NAME]`` of the configuration.

    Kind: REGISTER.
    Returns: a pydantic model; every field needs a default and a description, because ``pacs
    config`` prints them. The validated instance is what every other hook gets as ``settings``.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def idle_hooks(settings: Any) -> Collection[str]:
    """Name the hooks that have nothing to do with these settings; they are not called.

    Kind: REGISTER; called once the settings are known.
    Returns: names of DECIDE and NOTIFY hooks that the plugin implements, also of those that it
    marks ``optionalhook`` and nobody offers. Where no plugin has anything to do, a hook costs
    nothing. A plugin whose NOTIFY hook is idle has no place in the change feed: when it has
    something to do again, it begins at the end, like a new one. With the index on PostgreSQL it
    goes on where it stopped: on another node it may not be idle.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def cli_commands() -> Sequence[click.Command]:
    """Add commands to ``pacs``.

    Kind: REGISTER; called by the command line only, before any configuration is read. A command
    that works on an archive takes ``--config`` or ``--data`` itself (`pacs_framework.cli.options`).
    Returns: click commands. Two providers of one command name is an error naming both.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def storage_backends(settings: Any) -> Mapping[str, BackendFactory]:
    """Offer places to keep objects in.

    Kind: REGISTER.
    Returns: URL scheme → function that takes the configured URL and opens the backend.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def tables(settings: Any) -> PluginTables:
    """Describe tables of the plugin's own, where it keeps state.

    Kind: REGISTER.
    Returns: the tables with their version and upgrades (see `PluginTables`). They are made before
    anything is served, and reached by ``archive.tables(NAME)``. Two plugins with a table of one
    name is an error naming both.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def codecs(settings: Any) -> Sequence[Codec]:
    """Offer to decode and encode compressed pixel data, frame by frame.

    Kind: REGISTER.
    Returns: codecs, each for one transfer syntax and library (see `Codec`). Several plugins may
    offer the same transfer syntax: the one that costs least is asked first, unless ``[codecs]
    prefer`` names another, and where one fails the next one is asked.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def anonymizers(settings: Any) -> Mapping[str, Anonymizer]:
    """Offer ways to de-identify instances.

    Kind: REGISTER.
    Returns: name → anonymizer (see `Anonymizer`). Rules and commands ask for it by that name. Two
    providers of one name is an error naming both plugins.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def dimse_services(archive: Archive, settings: Any) -> Sequence[DimseService]:
    """Offer SOP classes on the wire.

    Kind: REGISTER.
    archive: the use cases a service calls: receive, query, locate (see `Archive`).
    Returns: services. Two services that answer one command on one SOP class is an error naming
    both plugins.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def job_kinds(archive: Archive, settings: Any) -> Sequence[JobKind]:
    """Name the kinds of work that the plugin does later, as jobs.

    Kind: REGISTER; called in every process of an archive, by commands too, since each may put jobs
    in; they are done in the one that runs the change feed.
    archive: the use cases that the work calls; ``archive.jobs`` takes jobs from then on.
    Returns: kinds (see `JobKind`), each with the function that does one job. Two of one name is an
    error naming both plugins.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def job_queue(archive: Archive, kinds: JobKinds, settings: Any) -> JobQueue:
    """Keep a queue of jobs, for all plugins.

    Kind: REGISTER; called in every process of an archive, before `dimse_services`. The plugin does
    the jobs too, by its `background`.
    kinds: what can be done; they are filled in when each plugin has provided its queue.
    Returns: a `JobQueue`. Two plugins with a queue is an error naming both.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def background(archive: Archive, settings: Any) -> Sequence[Background]:
    """Run something beside the wire: a listener of another protocol, a queue that is sent.

    Kind: REGISTER; called in the one process of an archive that runs the change feed, not by
    commands. What is returned is started once everything else runs, and stopped first.
    archive: the use cases that it calls, from threads of its own.
    Returns: `Background` objects with names. An exception of ``start`` stops the start of the
    archive; two of one name is an error naming both plugins.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def doors(archive: Archive, settings: Any) -> Sequence[Door]:
    """Listen by another protocol than DICOM's, where one process is not enough to serve it.

    Kind: REGISTER; called in every process that accepts associations, in the supervisor of workers,
    which binds the addresses for them, and by ``pacs check``. The last two start nothing, so this
    opens nothing: see `Door.start`. Doors are started last and stopped first.
    archive: the use cases that it calls, from threads of its own.
    Returns: `Door` objects with names. Two of one name is an error naming both plugins.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def serve_options() -> Mapping[str, click.Option]:
    """Add options to ``pacs serve`` that stand for settings of the plugin's own section.

    Kind: REGISTER; called by the command line only, before any configuration is read, when it is
    asked for an option that the kernel does not have, or for help.
    Returns: key of the section ``[plugin.NAME]`` → click option, of which one that is given has its
    way over file and environment. Two providers of one option is an error naming both.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def conformance(settings: Any) -> Sequence[Contribution]:
    """Document the plugin for the DICOM Conformance Statement (PS3.2) of this installation.

    Kind: REGISTER; called by ``pacs conformance`` only.
    Returns: records of `pacs_framework.conformance.records`: statuses and keys of services,
    associations that are initiated, acceptance policies, settings to publish. SOP classes and
    transfer syntaxes are read from the services themselves. Documenting a service in a role in
    which the plugin lists no presentation context is an error naming it.
    """
    raise NotImplementedError


# --- while a peer asks ----------------------------------------------------------------------


@hookspec(HookKind.DECIDE)
def on_association(request: AssociationRequest, settings: Any) -> Rejection | Narrowing | None:
    """Judge an association request before it is answered (PS3.8 9.3.2 to 9.3.4).

    Kind: DECIDE; before the A-ASSOCIATE response.
    request: calling and called AE title, address and port of the peer, its TLS subject and user
    identity, and the presentation contexts it proposes.
    Returns: None to let it pass, a `Rejection` with result, source and reason, or a `Narrowing`
    to the presentation contexts that stay. Narrowings of several plugins intersect.
    An exception rejects the association: transient, service-provider (presentation),
    temporary congestion.
    """
    raise NotImplementedError


@hookspec(HookKind.DECIDE)
def on_store(instance: IncomingInstance, archive: Archive, settings: Any) -> StoreAnswer:
    """Judge an instance that has arrived and is not yet stored.

    Kind: DECIDE; after the header scan.
    instance: where it comes from, its index attributes, and its data set up to the pixels.
    archive: to look up what is stored, and to store: an instance that a hook stores is judged like
    any other, so a hook that stores must know its own instances. Four deep, they are refused.
    Returns: None to keep the bytes as received, a `Refusal` with the DIMSE status and a reason,
    a `Coercion` with the changed data set, which the next plugin then sees, or a `Compression` to
    another transfer syntax, of which the last one counts. The peer of a coerced instance gets
    B000H, coercion of data elements (PS3.4 B.2.3), that of one compressed without loss SUCCESS.
    An exception refuses the instance with 0110H, processing failure.
    """
    raise NotImplementedError


@hookspec(HookKind.DECIDE)
def on_retrieve(instance: OutgoingInstance, archive: Archive, settings: Any) -> RetrieveAnswer:
    """Judge a stored instance that is about to be sent to somebody: one archive, several views.

    Kind: DECIDE; for each instance of a C-GET, a C-MOVE or whatever else sends (see
    `RetrieveService.opener`), before anything of it goes out. Queries are not asked about.
    instance: who gets it (see `Recipient`), what is stored, and its data set up to the pixels. The
    stored header is read when attributes or data set are looked at, so look at the rest first.
    archive: to look up what is stored.
    Returns: None to send the bytes as stored, a `Refusal`, or a `Coercion` with the changed data
    set, which the next plugin then sees. The stored instance stays as it is. What is sent, the
    command included, has the UIDs of the changed data set; lists of failures name the stored ones.
    An exception or a refusal fails this one sub-operation (PS3.4 C.4.2.3.1, C.4.3.3.1): the
    requestor gets B000H, or A702H where all failed, and the original is not sent.
    """
    raise NotImplementedError


# --- after the commit -----------------------------------------------------------------------


@hookspec(HookKind.NOTIFY)
def on_stored(change: Change, changes: Sequence[Change], archive: Archive, settings: Any) -> None:
    """Learn that an instance is stored: durable, indexed and acknowledged.

    Kind: NOTIFY; at least once per change, in the order of the change feed.
    change: sequence number, UIDs and origin of the instance.
    changes: taken instead of ``change``, all that wait, oldest first and 256 at most: for one who
    looks each up, which is cheaper together. They share one call with its time; if it raises, all
    of them come again.
    archive: to look up or open the instance.
    """
    raise NotImplementedError


@hookspec(HookKind.NOTIFY)
def on_patient_changed(change: Change, archive: Archive, settings: Any) -> None:
    """Learn that a patient was corrected, merged, taken apart again, linked or no longer linked.

    Kind: NOTIFY; at least once per change, in the order of the change feed, whoever corrected it.
    change: its kind, with Patient ID and issuer: of a merge or its undoing those of the patient
    that was merged; a link is a change of each of the two. UIDs are empty.
    archive: ``archive.patients`` says what holds now. That may be more than the change was about,
    as a later one may have come in between; follow what holds, and doing it twice is harmless.
    """
    raise NotImplementedError
