"""The hook that this plugin offers: models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pacs_framework.hookspecs import HookKind, hookspec

if TYPE_CHECKING:
    from pacs_ai.api import Model, StudyModel

__all__ = ["ai_models"]


@hookspec(HookKind.REGISTER)
def ai_models(settings: Any) -> Sequence[Model | StudyModel]:
    """Offer models.

    Kind: REGISTER; called when models are listed or one is run.
    Returns: models (see `pacs_ai.api.Model` and `StudyModel`). Each is pickled to a process of its
    own, so its class is importable, and it loads what is large in `run`. Two of one name and
    version are an error that names both plugins.
    """
    raise NotImplementedError
