"""What one plugin may provide, and no second one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pacs_framework.errors import PluginError

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["provided"]


def provided(archive: Archive, hook: str, what: str) -> Any | None:
    """What a plugin returns for ``hook``; None where none has it.

    Raises `PluginError` for two, which both do ``what``.
    """
    found = archive.hooks.register(hook, archive=archive)
    if len(found) > 1:
        names = " and ".join(repr(name) for name, _ in found)
        raise PluginError(f"plugins {names} both {what} (hook {hook}); switch one off")
    return found[0][1] if found else None
