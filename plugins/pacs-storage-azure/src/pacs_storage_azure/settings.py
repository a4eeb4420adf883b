"""The section ``[plugin.storage-azure]`` of the configuration."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from pacs_framework.buckets.settings import BucketSettings, Endpoint
from pacs_framework.config.types import OptionalPath

__all__ = ["AccessTier", "Checking", "Credential", "Settings"]


class Credential(StrEnum):
    """Where the right to read and write comes from."""

    AUTO = "auto"
    ACCESS_KEY = "access_key"
    SAS_TOKEN = "sas_token"  # noqa: S105 - the name of a kind, not a secret
    CLIENT_SECRET = "client_secret"  # noqa: S105
    WORKLOAD_IDENTITY = "workload_identity"
    MANAGED_IDENTITY = "managed_identity"
    AZURE_CLI = "azure_cli"


class AccessTier(StrEnum):
    """Tiers whose objects can be read at once."""

    DEFAULT = ""
    HOT = "Hot"
    COOL = "Cool"
    COLD = "Cold"


class Checking(StrEnum):
    """Who finds out that an object arrived damaged."""

    AUTO = "auto"
    TRUST = "trust"
    READ_BACK = "read-back"


class Settings(BucketSettings):
    """How to reach the store, and how objects are kept there."""

    account: str = Field(
        default="",
        pattern=r"^([a-z0-9]{3,24})?$",
        description="Storage account; empty for AZURE_STORAGE_ACCOUNT_NAME.",
    )
    endpoint: Endpoint = Field(
        default="",
        description="URL of the store where it is not https://ACCOUNT.blob.core.windows.net: of "
        "another cloud, a private endpoint, or Azurite. http:// sends instances unencrypted.",
    )
    credential: Credential = Field(
        default=Credential.AUTO,
        description="Which credentials are used: auto takes the first that is set of those in "
        "files, of the environment (AZURE_STORAGE_ACCOUNT_KEY, AZURE_FEDERATED_TOKEN_FILE, "
        "AZURE_CLIENT_ID with AZURE_CLIENT_SECRET and AZURE_TENANT_ID, AZURE_STORAGE_SAS_KEY), "
        "else the managed identity of the machine.",
    )
    client_id: str = Field(
        default="", description="Client ID of a user-assigned managed identity, or of a client."
    )
    account_key_file: OptionalPath = Field(
        default=None, description="File with a key of the account."
    )
    sas_file: OptionalPath = Field(
        default=None, description="File with a shared access signature, as the portal shows it."
    )
    access_tier: AccessTier = Field(
        default=AccessTier.DEFAULT,
        description="Tier of new objects: Hot, Cool or Cold; empty for that of the account.",
    )
    check_writes: Checking = Field(
        default=Checking.AUTO,
        description="How a new object is proved to be whole before SUCCESS: read-back (it is read "
        "again and compared), trust (what TLS and the store do), auto (trust over https, "
        "read-back over http).",
    )

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.account_key_file is not None and self.sas_file is not None:
            raise ValueError("account_key_file and sas_file are both set; one is enough")
        return self
