"""What the conformance statement says of who may associate."""

from __future__ import annotations

from pacs_access.settings import AccessSettings, CallerRule
from pacs_framework.conformance.records import (
    AcceptancePolicy,
    Contribution,
    PublishedSettings,
    Remark,
    Topic,
)

__all__ = ["contributions"]

_REJECTION = "A-ASSOCIATE-RJ, permanent, calling AE title not recognized (PS3.8 Table 9-21)"


def contributions(settings: AccessSettings) -> list[Contribution]:
    """One policy for each rule, and one for everybody else."""
    return [
        *(AcceptancePolicy(rule=text) for text in _policies(settings)),
        PublishedSettings(names=("unknown_callers", "callers")),
        Remark(
            topic=Topic.SECURITY,
            text=(
                "Rules on calling AE titles, addresses and subjects of TLS certificates decide who "
                "may associate. An AE title proves nothing; a client certificate does."
            ),
        ),
    ]


def _policies(settings: AccessSettings) -> list[str]:
    if not settings.callers:
        return ["Every calling AE title is accepted: there is no rule."]
    others = "accepted" if settings.unknown_callers else f"answered with {_REJECTION}"
    return [
        *(_policy(aet, rule) for aet, rule in sorted(settings.callers.items())),
        f"Every other calling AE title is {others}.",
    ]


def _policy(aet: str, rule: CallerRule) -> str:
    conditions = []
    if rule.addresses:
        conditions.append(f"from {', '.join(map(str, rule.addresses))}")
    if rule.tls_subject:
        conditions.append(f"with the TLS certificate of {rule.tls_subject}")
    where = " ".join(conditions) or "from any address"
    text = f"Calling AE title {aet}: accepted {where}"
    if conditions:
        text += f", else answered with {_REJECTION}"
    if rule.services is None:
        return f"{text}; every service."
    allowed = ", ".join(sorted(rule.services)) or "none"
    return (
        f"{text}; services: {allowed}. Presentation contexts of other services are answered with "
        "user-rejection (PS3.8 Table 9-18)."
    )
