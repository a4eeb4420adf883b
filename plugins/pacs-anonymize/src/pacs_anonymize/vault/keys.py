"""What a vault makes of its secret key: encryption, blind look-ups, and the seal of its trail.

Each is done with a key of its own, derived from the secret one (HKDF, RFC 5869).
"""

from __future__ import annotations

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pacs_anonymize.vault.errors import VaultDamaged

__all__ = ["VaultKeys"]

_KEY_BYTES = 32
_NONCE_BYTES = 12
_BLIND_BYTES = 16


class VaultKeys:
    """The keys of one vault. ``vault_id`` keeps two vaults with one secret key apart."""

    def __init__(self, key: bytes, vault_id: bytes) -> None:
        self._sealing = AESGCM(_derived(key, vault_id, b"entries"))
        self._blinding = _derived(key, vault_id, b"look-ups")
        self._chaining = _derived(key, vault_id, b"trail")
        self._marking = _derived(key, vault_id, b"tally")
        self.proof = hmac.digest(_derived(key, vault_id, b"proof"), b"this key", "sha256")
        """Kept in the vault: it tells the right key from others, and nothing about it."""

    def seal(self, text: str, place: bytes) -> bytes:
        """``text`` encrypted (AES-256-GCM); it opens at its ``place`` alone."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._sealing.encrypt(nonce, text.encode(), place)

    def unseal(self, sealed: bytes, place: bytes) -> str:
        """What was sealed. Raises `VaultDamaged` for what is not as it was written there."""
        nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._sealing.decrypt(nonce, text, place).decode()
        except (InvalidTag, ValueError):
            raise VaultDamaged(
                "an entry of the vault is not what was written: restore it from a backup"
            ) from None

    def blind(self, purpose: str, value: str) -> bytes:
        """By what ``value`` is found; without the key nobody can tell which value it is."""
        return hmac.digest(self._blinding, f"{purpose}\0{value}".encode(), "sha256")[:_BLIND_BYTES]

    def mark(self, row: bytes) -> bytes:
        """What an entry counts for in the tally; nobody without the key knows it."""
        return hmac.digest(self._marking, row, "sha256")

    def link(self, before: bytes, number: int, sealed: bytes) -> bytes:
        """The seal of line ``number`` of the trail, which holds all ``before`` it too."""
        return hmac.digest(self._chaining, before + number.to_bytes(8) + sealed, "sha256")


def _derived(key: bytes, vault_id: bytes, purpose: bytes) -> bytes:
    info = b"pacs-anonymize vault 1: " + purpose
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=vault_id, info=info).derive(key)
