"""obstore's stores for a container."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obstore.store import AzureStore

from pacs_framework.buckets.connecting import Stores, open_stores
from pacs_framework.errors import ConfigurationError
from pacs_storage_azure.address import Address
from pacs_storage_azure.settings import Credential, Settings

if TYPE_CHECKING:
    from obstore.store import AzureConfig

__all__ = ["connect", "endpoint_of"]

_ACCOUNT = "AZURE_STORAGE_ACCOUNT_NAME"


def connect(address: Address, settings: Settings) -> Stores:
    """Set up, without a request to the store. Raises `ConfigurationError`."""
    endpoint = endpoint_of(settings)
    make = partial(AzureStore, address.bucket, config=_config(endpoint, settings))
    return open_stores(
        make,
        budget=settings.budget,
        http=urlsplit(endpoint).scheme == "http",
        ca_file=settings.ca_file,
        section=Address.section,
    )


def endpoint_of(settings: Settings) -> str:
    """The URL of the store. Raises `ConfigurationError` where no account is known."""
    return settings.endpoint or f"https://{_account(settings)}.blob.core.windows.net"


def _account(settings: Settings) -> str:
    account = settings.account or os.environ.get(_ACCOUNT, "")
    if not account:
        raise ConfigurationError(
            f"no storage account: set account in [{Address.section}], or {_ACCOUNT}"
        )
    return account


def _config(endpoint: str, settings: Settings) -> AzureConfig:
    """What the environment could say of the place is set; credentials it may add."""
    config: AzureConfig = {
        "account_name": _account(settings),
        "endpoint": endpoint,
        "use_emulator": False,
        "use_fabric_endpoint": False,
        "skip_signature": False,
    }
    if settings.client_id:
        config["client_id"] = settings.client_id
    if settings.account_key_file is not None:
        config["account_key"] = _secret(settings.account_key_file, "account_key_file")
        config["credential_type"] = Credential.ACCESS_KEY
    elif settings.sas_file is not None:
        config["sas_key"] = _secret(settings.sas_file, "sas_file").removeprefix("?")
        config["credential_type"] = Credential.SAS_TOKEN
    elif settings.credential is not Credential.AUTO:
        config["credential_type"] = settings.credential
    return config


def _secret(file: Path, name: str) -> str:
    try:
        secret = file.read_text("ascii").strip()
    except OSError as error:
        raise ConfigurationError(
            f"[{Address.section}] {name} {str(file)!r}: {error.strerror}"
        ) from error
    except UnicodeDecodeError:
        secret = ""
    if not secret:
        raise ConfigurationError(f"[{Address.section}] {name} {str(file)!r} holds no secret")
    return secret
