"""The section ``[plugin.storage-s3]`` of the configuration."""

from __future__ import annotations

import tempfile
from enum import StrEnum
from os import geteuid
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from pacs_framework.buckets.settings import BucketSettings, Endpoint
from pacs_framework.config.types import OptionalPath

__all__ = ["Addressing", "Checking", "Encryption", "Settings"]


class Addressing(StrEnum):
    """Where a request names the bucket."""

    AUTO = "auto"
    PATH = "path"
    VIRTUAL = "virtual"


class Encryption(StrEnum):
    """What the store encrypts with, at rest."""

    DEFAULT = ""
    AES256 = "AES256"
    KMS = "aws:kms"
    KMS_DSSE = "aws:kms:dsse"


class Checking(StrEnum):
    """Who finds out that an object arrived damaged."""

    AUTO = "auto"
    STORE = "store"
    READ_BACK = "read-back"


class Settings(BucketSettings):
    """How to reach the store, and how objects are kept there."""

    endpoint: Endpoint = Field(
        default="",
        description="URL of the store, such as https://s3.example.org; empty for that of the "
        "profile or the environment, else Amazon's. http:// sends instances unencrypted.",
    )
    region: str = Field(
        default="",
        description="Region of the bucket; empty for that of the profile or the environment, "
        "else us-east-1.",
    )
    profile: str = Field(
        default="", description="Profile of AWS configuration and credentials files."
    )
    credentials_file: OptionalPath = Field(
        default=None,
        description="Credentials file instead of ~/.aws/credentials. Without either, credentials "
        "come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or from the role of the machine.",
    )
    addressing: Addressing = Field(
        default=Addressing.AUTO,
        description="Where requests name the bucket: in the path, or as a virtual host. auto: "
        "path where an endpoint is set, else virtual.",
    )
    storage_class: str = Field(
        default="", description="Storage class of new objects, such as STANDARD_IA."
    )
    encryption: Encryption = Field(
        default=Encryption.DEFAULT,
        description="Encryption by the store: AES256, aws:kms or aws:kms:dsse; empty for what "
        "the bucket does by default.",
    )
    kms_key: str = Field(default="", description="ID of the key for aws:kms.")
    check_writes: Checking = Field(
        default=Checking.AUTO,
        description="How a new object is proved to be whole before SUCCESS: store (the store "
        "checks the SHA-256 that is sent along), read-back (each is read again and compared), "
        "auto (one damaged object is sent at the first write: a store that keeps it is not "
        "trusted, and every object read back).",
    )
    abandoned_after: Annotated[float, Field(ge=0.1, le=24 * 30)] = Field(
        default=24.0,
        description="Hours after which an unfinished upload is nobody's and removed; no upload "
        "goes on for more than half of it.",
    )
    state: OptionalPath = Field(
        default=None,
        description="Folder for notes on unfinished uploads of this machine, so that the next "
        "start removes them at once; empty for one in the temporary folder.",
    )

    @model_validator(mode="after")
    def _kms_key_has_a_use(self) -> Self:
        if self.kms_key and self.encryption not in {Encryption.KMS, Encryption.KMS_DSSE}:
            raise ValueError("kms_key is used with encryption = 'aws:kms' or 'aws:kms:dsse' only")
        return self

    @property
    def state_folder(self) -> Path:
        """Where notes on unfinished uploads are."""
        if self.state is not None:
            return self.state
        return Path(tempfile.gettempdir()) / f"pacs-storage-s3-{geteuid()}"
