"""The section ``[plugin.storage-filesystem]`` of the configuration."""

from __future__ import annotations

from pydantic import BaseModel, ByteSize, ConfigDict, Field

from pacs_storage_filesystem.naming import Naming

__all__ = ["Settings"]


_LARGEST_PACKED = ByteSize(1024 * 1024)


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
    pack_below: ByteSize = Field(
        default=_LARGEST_PACKED,
        le=_LARGEST_PACKED,
        description="New objects smaller than this are kept together in pack files, which makes "
        "storing them several times faster; 0 gives each a file of its own. At most '1 MiB'.",
    )
