"""obstore's stores for a bucket."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obstore.store import GCSStore

from pacs_framework.buckets.connecting import Stores, open_stores
from pacs_framework.errors import ConfigurationError
from pacs_storage_gcs.address import Address
from pacs_storage_gcs.settings import Settings

if TYPE_CHECKING:
    from obstore.store import GCSConfig

__all__ = ["connect", "unencrypted"]

_GOOGLE = "https://storage.googleapis.com"
_TOKEN = "GOOGLE_BEARER_TOKEN"  # noqa: S105 - the name of a variable


def connect(address: Address, settings: Settings) -> Stores:
    """Set up, without a request to the store. Raises `ConfigurationError`."""
    return open_stores(
        partial(GCSStore, address.bucket, config=_config(settings)),
        budget=settings.budget,
        http=unencrypted(settings),
        ca_file=settings.ca_file,
        section=Address.section,
    )


def unencrypted(settings: Settings) -> bool:
    """Whether what is sent could change on its way."""
    return urlsplit(settings.endpoint).scheme == "http"


def _config(settings: Settings) -> GCSConfig:
    """What the environment could say of the place is set; credentials it may add."""
    config: GCSConfig = {"base_url": settings.endpoint or _GOOGLE, "skip_signature": False}
    if settings.service_account_file is not None:
        if os.environ.get(_TOKEN):
            raise ConfigurationError(
                f"[{Address.section}] names service_account_file, but {_TOKEN} is set and would be "
                "used instead: unset one of them"
            )
        config["service_account"] = str(settings.service_account_file)
    return config
