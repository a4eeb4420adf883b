"""What can be wrong with a vault."""

from __future__ import annotations

from pacs_framework.errors import PacsError

__all__ = ["VaultConflict", "VaultDamaged", "VaultError"]


class VaultError(PacsError):
    """A vault cannot be used: not there, another key, the database away. Holds no patient data."""


class VaultConflict(VaultError):
    """A pseudonym stands for another original already; nothing was kept."""


class VaultDamaged(VaultError):
    """What is in the vault was changed by somebody without its key."""
