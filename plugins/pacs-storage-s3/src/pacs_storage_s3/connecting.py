"""The two libraries, set up for one place in a bucket.

obstore moves whole small objects: it takes a fourth of the CPU time of the other, outside of
Python's lock. botocore does what obstore has no words for: it finds credentials as all of Amazon's
tools do, reads ranges also from stores that answer them with 200 instead of 206, and lists, checks
and aborts the uploads of single parts.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import botocore.session  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]
from obstore.store import S3Store

from pacs_framework.buckets.connecting import ATTEMPTS, CONNECT_SECONDS, Stores, open_stores
from pacs_framework.errors import ConfigurationError
from pacs_storage_s3.address import Address
from pacs_storage_s3.settings import Addressing, Encryption, Settings

if TYPE_CHECKING:
    from obstore.store import S3Config

__all__ = ["Connection", "connect"]

_REGION = "us-east-1"
_CONNECTIONS = 64
_KEPT = dt.timedelta(minutes=10)  # botocore renews what expires a quarter of an hour before


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """``stores`` are obstore's, ``client`` is botocore's client for S3."""

    stores: Stores
    client: Any


def connect(address: Address, settings: Settings) -> Connection:
    """Set up, without a request to the store. Raises `ConfigurationError`."""
    try:
        session = _session(settings)
        credentials = session.get_credentials()
        if credentials is None:
            raise ConfigurationError(
                "no credentials for the store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                "or profile or credentials_file in [plugin.storage-s3], or run with a role"
            )
        client = _client(session, settings)
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"[plugin.storage-s3]: {error}") from error
    make = partial(
        S3Store,
        address.bucket,
        config=_obstore_config(client, address, settings),
        credential_provider=_provider(credentials),
    )
    stores = open_stores(
        make,
        budget=settings.budget,
        http=urlsplit(client.meta.endpoint_url).scheme == "http",
        ca_file=settings.ca_file,
        section=Address.section,
    )
    return Connection(client=client, stores=stores)


def _session(settings: Settings) -> botocore.session.Session:
    session = botocore.session.Session(profile=settings.profile or None)
    if settings.credentials_file is not None:
        session.set_config_variable("credentials_file", str(settings.credentials_file))
        if not settings.profile:
            # A file that is named comes before the environment, as a profile that is named does.
            session.set_config_variable("profile", "default")
    return session


def _client(session: botocore.session.Session, settings: Settings) -> Any:
    path = _by_path(session, settings)
    third = settings.budget / ATTEMPTS
    config = Config(
        connect_timeout=min(CONNECT_SECONDS, third),
        read_timeout=third,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=_CONNECTIONS,
        # Over TLS as well, a store that knows no checksums holds the bytes against what was signed.
        s3={"addressing_style": "path" if path else "virtual", "payload_signing_enabled": True},
        # Ours are SHA-256; other stores answer ranges with a checksum of the whole.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return session.create_client(
        "s3",
        region_name=settings.region or session.get_config_variable("region") or _REGION,
        endpoint_url=settings.endpoint or None,
        verify=str(settings.ca_file) if settings.ca_file else None,
        config=config,
    )


def _by_path(session: botocore.session.Session, settings: Settings) -> bool:
    if settings.addressing is not Addressing.AUTO:
        return settings.addressing is Addressing.PATH
    return bool(settings.endpoint) or bool(session.get_config_variable("endpoint_url"))


def _obstore_config(client: Any, address: Address, settings: Settings) -> S3Config:
    """All that the environment could say otherwise is set: botocore alone reads that."""
    virtual = client.meta.config.s3["addressing_style"] == "virtual"
    endpoint = client.meta.endpoint_url
    if virtual:
        parts = urlsplit(endpoint)
        endpoint = parts._replace(netloc=f"{address.bucket}.{parts.netloc}").geturl()
    config: S3Config = {
        "endpoint": endpoint,
        "aws_endpoint_url_s3": endpoint,
        "region": client.meta.region_name,
        "virtual_hosted_style_request": virtual,
        "checksum_algorithm": "SHA256",
        "unsigned_payload": False,
        "skip_signature": False,
    }
    if settings.encryption is not Encryption.DEFAULT:
        config["server_side_encryption"] = settings.encryption.value
    if settings.kms_key:
        config["sse_kms_key_id"] = settings.kms_key
    return config


def _provider(credentials: Any) -> Any:
    def provide() -> dict[str, Any]:
        now = credentials.get_frozen_credentials()
        return {
            "access_key_id": now.access_key,
            "secret_access_key": now.secret_key,
            "token": now.token,
            "expires_at": dt.datetime.now(dt.UTC) + _KEPT,
        }

    return provide
