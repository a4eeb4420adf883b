"""The section ``[plugin.storage-gcs]`` of the configuration."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from pacs_framework.buckets.settings import BucketSettings, Endpoint
from pacs_framework.config.types import OptionalPath

__all__ = ["Checking", "Settings", "StorageClass"]


class StorageClass(StrEnum):
    """What keeping and reading costs; objects of all classes are read at once."""

    DEFAULT = ""
    STANDARD = "STANDARD"
    NEARLINE = "NEARLINE"
    COLDLINE = "COLDLINE"
    ARCHIVE = "ARCHIVE"


class Checking(StrEnum):
    """Who finds out that an object arrived damaged."""

    AUTO = "auto"
    TRUST = "trust"
    READ_BACK = "read-back"


class Settings(BucketSettings):
    """How to reach the store, and how objects are kept there."""

    endpoint: Endpoint = Field(
        default="",
        description="URL of the store where it is not https://storage.googleapis.com, such as that "
        "of a private endpoint. http:// sends instances unencrypted.",
    )
    service_account_file: OptionalPath = Field(
        default=None,
        description="Key file (JSON) of a service account. Without it: the file that "
        "GOOGLE_APPLICATION_CREDENTIALS names, that of `gcloud auth application-default login`, "
        "else the service account of the machine, which its metadata server knows.",
    )
    storage_class: StorageClass = Field(
        default=StorageClass.DEFAULT,
        description="Storage class of new objects: STANDARD, NEARLINE, COLDLINE or ARCHIVE; empty "
        "for that of the bucket.",
    )
    check_writes: Checking = Field(
        default=Checking.AUTO,
        description="How a new object is proved to be whole before SUCCESS: auto (the MD5 that the "
        "store answers is compared; over http, what it answers none for is read again), read-back "
        "(each object is read again and compared), trust (what TLS and the store do).",
    )
