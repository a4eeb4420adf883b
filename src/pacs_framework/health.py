"""Cheap checks that an archive can do its work, each within a few seconds."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pacs_framework.errors import ObjectNotFound, PacsError
from pacs_framework.live import Health
from pacs_framework.plugins import CircuitState
from pacs_framework.plugins.budget import Overrun
from pacs_framework.storage import ObjectName

if TYPE_CHECKING:
    from pacs_framework.index.database import Database
    from pacs_framework.plugins import PluginSet
    from pacs_framework.storage import StorageBackend

__all__ = ["check_health"]

_SECONDS = 3.0


def check_health(database: Database, storage: StorageBackend, plugins: PluginSet) -> Health:
    """What is wrong with the index, the storage, and the plugins that the archive needs."""
    checks: dict[str, Callable[[], None]] = {
        "index": partial(_check_index, database),
        "storage": partial(_check_storage, storage),
    }
    reasons = [_reason(plugins, name, check) for name, check in checks.items()]
    reasons += [
        f"plugin {circuit.plugin!r} is out of service: "
        f"its {circuit.hook} circuit is {circuit.state} since {circuit.since}"
        for circuit in plugins.circuits()
        if circuit.state is not CircuitState.CLOSED and not circuit.optional
    ]
    return Health(reasons=tuple(reason for reason in reasons if reason))


def _reason(plugins: PluginSet, name: str, check: Callable[[], None]) -> str:
    """What ``check`` finds wrong with ``name``; empty when it is well."""
    try:
        plugins.within(_SECONDS, check)
    except Overrun:
        return f"the {name} does not answer within {_SECONDS:g} s"
    except PacsError as error:
        return f"the {name} fails: {error}"
    except Exception as error:  # noqa: BLE001 - a storage plugin may raise anything
        return f"the {name} fails: {type(error).__name__}"
    return ""


def _check_index(database: Database) -> None:
    with database.reading() as connection:
        connection.execute(sa.select(sa.literal(1))).one()


def _check_storage(storage: StorageBackend) -> None:
    """Whether there is room, and whether it knows that an object that never was is missing."""
    if storage.free_space() == 0:
        raise PacsError("no room is left")
    nothing = ObjectName(
        patient_id="health",
        study_instance_uid="2.25.0",
        series_instance_uid="2.25.0",
        sop_instance_uid="2.25.0",
        received=dt.datetime.now(dt.UTC),
        version=secrets.token_hex(12),
        size=0,
    )
    with suppress(ObjectNotFound):
        storage.stat(storage.key_for(nothing))
