"""The section ``[plugin.query-retrieve]``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pacs_framework.codecs.asked_for import AskedFor, SOPClasses, Words

__all__ = ["QueryRetrieveSettings", "SendAs"]


class SendAs(AskedFor):
    """A transfer syntax that certain recipients get images in."""

    aet: Words = Field(
        min_length=1,
        description='AE titles that receive, with * and ? as in "TABLET*"; "*" is all of them.',
    )
    sop_class: SOPClasses = Field(
        default=(),
        description='SOP Class UIDs or their keywords, such as "CTImageStorage"; empty: any.',
    )
    always: bool = Field(
        default=False,
        description="Also where the recipient takes the transfer syntax that is stored.",
    )


class QueryRetrieveSettings(BaseModel):
    """What the query/retrieve services offer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    relational: Literal["negotiated", "always"] = Field(
        default="negotiated",
        description=(
            "When a query or retrieval may leave out the unique keys above its level: where the "
            "peer negotiated it (PS3.4 C.5), or always, for peers that do so without asking."
        ),
    )
    pending_interval: float = Field(
        default=0.1,
        ge=0,
        description=(
            "Seconds between the pending responses of a retrieval, which tell its counts; 0 sends "
            "one behind each sub-operation. They are optional (PS3.4 C.4.2.3), and take time."
        ),
    )
    patient_study_only: bool = Field(
        default=False,
        description="Also offer the retired Patient/Study Only model (PS3.4 C.6.3).",
    )
    send_as: tuple[SendAs, ...] = Field(
        default=(),
        description=(
            "Rules for recipients of C-MOVE and C-GET, the first that matches counts; for example "
            '[[plugin.query-retrieve.send_as]] with aet = "TABLET*", to = "jpeg", lossy = true and '
            "quality = 90. Without a rule nothing is lost."
        ),
    )
