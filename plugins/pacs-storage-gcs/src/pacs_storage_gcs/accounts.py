"""Service accounts for the stand-in of `pacs_storage_gcs.serving`: keys, and whom it lets in.

A client signs a token itself with the key of its account (Google's AIP-4111), which is a JSON Web
Token after RFC 7519; here its signature, its times and its scope are looked at.
"""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

__all__ = ["METADATA_TOKEN", "Account"]

METADATA_TOKEN = "of-the-machine"  # noqa: S105 - known to everybody
"""What the metadata server of a machine gives out."""

_SCOPES = {
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/devstorage.read_write",
}
_HOUR = 3600


class Account:
    """A service account with a key of its own."""

    def __init__(self, email: str) -> None:
        self._email = email
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def key(self) -> str:
        """The key file, as the console gives it."""
        pem = self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return json.dumps(
            {
                "type": "service_account",
                "private_key_id": "1",
                "private_key": pem.decode("ascii"),
                "client_email": self._email,
                "token_uri": "https://oauth2.googleapis.com/token",
            }
        )

    def lets_in(self, authorization: str) -> bool:
        """Whether a token was signed with this key, or given out by the metadata server."""
        scheme, _, token = authorization.partition(" ")
        if scheme != "Bearer":
            return False
        return token == METADATA_TOKEN or self._signed(token)

    def _signed(self, token: str) -> bool:
        signed, _, signature = token.rpartition(".")
        try:
            self._private.public_key().verify(
                _bytes(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            header, claims = (_json(part) for part in signed.split("."))
        except (InvalidSignature, ValueError):
            return False
        return (
            header["alg"] == "RS256"
            and claims["iss"] == self._email
            and claims["iat"] <= time.time() < claims["exp"] <= claims["iat"] + _HOUR
            and bool(_SCOPES & set(claims["scope"].split()))
        )


def _json(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_bytes(part))
    return found


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
