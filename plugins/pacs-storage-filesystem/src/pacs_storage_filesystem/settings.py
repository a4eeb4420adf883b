"""The section ``[plugin.storage-filesystem]`` of the configuration."""

from __future__ import annotations

from pydantic import BaseModel, ByteSize, ConfigDict, Field

from pacs_storage_filesystem.naming import Naming

__all__ = ["Settings"]


class Settings(BaseModel):
    """How objects are laid out on the file system, and how much of it is left free."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    naming: Naming = Field(
        default=Naming.HIERARCHICAL,
        description="Folders of new objects: hierarchical (patient/study/series), "
        "date (year/month/day/study) or flat (4096 folders). Old objects stay where they are.",
    )
    reserve: ByteSize = Field(
        default=ByteSize(512 * 1024 * 1024),
        description="Space that stays free on the file system: an object that would touch it is "
        "refused with A700H. A number of bytes, or text such as '10 GiB'.",
    )
    write_ahead: ByteSize = Field(
        default=ByteSize(0),
        description="Size of the log in which each process makes small objects durable before "
        "their files are synced, for example '64 MiB'; 0 syncs every file by itself.",
    )
