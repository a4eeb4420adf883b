"""What the plugin offers to the kernel."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pacs_framework.network.router import Router
from pacs_framework.network.service import CommandField
from pacs_query_retrieve import plugin
from pacs_query_retrieve.models import FIND, GET, MOVE
from pacs_query_retrieve.settings import QueryRetrieveSettings

OFFERED = {False: 2, True: 3}


@pytest.mark.parametrize("retired", [False, True])
@pytest.mark.parametrize(
    ("models", "command"),
    [(FIND, CommandField.C_FIND), (MOVE, CommandField.C_MOVE), (GET, CommandField.C_GET)],
)
def test_each_command_is_answered_on_the_models_that_are_offered(models, command, retired):
    """No two services claim one command on one SOP class."""
    settings = QueryRetrieveSettings(patient_study_only=retired)
    router = Router(plugin.dimse_services(archive=None, settings=settings))
    answered = [uid for uid in models if router.service_for(uid, command)]
    assert len(answered) == OFFERED[retired]
    assert all(command in router.service_for(uid, command).commands for uid in answered)


def test_every_setting_has_a_default_and_a_description():
    assert plugin.config_models() is QueryRetrieveSettings
    for field in QueryRetrieveSettings.model_fields.values():
        assert field.description
        assert not field.is_required()


@pytest.mark.parametrize("section", [{"relational": "sometimes"}, {"unknown": 1}])
def test_wrong_settings_are_refused(section):
    with pytest.raises(ValidationError):
        QueryRetrieveSettings(**section)
