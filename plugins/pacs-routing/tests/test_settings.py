"""Names of files, and settings that cannot be meant."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pacs_routing.file_names import FileName
from pacs_routing.settings import RoutingSettings


def test_a_file_name_is_made_of_values_that_lead_nowhere_else() -> None:
    """Strangers send the values: no folder above, none that is empty, none that is endless."""
    name = FileName("{PatientID}/{PatientName}/{StudyDate}-{SOPInstanceUID}.dcm")
    values = {"PatientID": "../..", "PatientName": "", "StudyDate": "/etc", "SOPInstanceUID": "1.2"}
    assert str(name.of(values)) == "_/_/_etc-1.2.dcm"
    assert str(name.of({**values, "PatientID": "a" * 500, "PatientName": "Doe^J\x00 \\*"})) == (
        f"{'a' * 100}/Doe^J_/_etc-1.2.dcm"
    )


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{PatientID}.dcm", "needs {SOPInstanceUID}"),
        ("/srv/{SOPInstanceUID}", "no path within a folder"),
        ("../{SOPInstanceUID}", "no path within a folder"),
        ("{SOPInstanceUID", "no path within a folder"),
        ("{Colour}/{SOPInstanceUID}", "'Colour' is none of"),
        ("", "no path within a folder"),
    ],
)
def test_file_names_that_cannot_be_meant_are_refused(template: str, message: str) -> None:
    """At the start, not with the first instance."""
    with pytest.raises(ValueError, match=r"file_name") as refused:
        FileName(template)
    assert message in str(refused.value)


HERE = {"name": "here", "peer": "HERE"}
RULE = {"name": "all", "send_to": "here"}


@pytest.mark.parametrize(
    ("destinations", "rules", "message"),
    [
        ([{"name": "x"}], [], "say one of peer, url, folder, bucket"),
        ([{**HERE, "folder": "/srv"}], [], "say one of peer, url, folder, bucket"),
        ([HERE, HERE], [], "two of destination have the name 'here'"),
        ([{**HERE, "name": "Not so"}], [], "pattern"),
        ([{**HERE, "hours": "8 to 9"}], [], "are no hours"),
        ([{**HERE, "retry_first": 60, "retry_longest": 5}], [], "retry_longest is less"),
        ([{**HERE, "send_as": {"to": "jpeg"}}], [], "lossy = true allows it"),
        ([{**HERE, "folder": "/srv", "peer": "", "file_name": "x"}], [], "needs {SOPInstanceUID}"),
        ([HERE], [{**RULE, "send_to": "there"}], "sends to 'there', which is no destination"),
        ([HERE], [{**RULE, "send_to": []}], "rule 'all': it does nothing: say send_to or label"),
        ([HERE], [{**RULE, "label": "not so"}], "'not so' is no label"),
        ([HERE], [RULE, RULE], "two of rule have the name 'all'"),
        (
            [HERE],
            [{**RULE, "when": "Modality"}],
            "rule 'all': line 1, column 9: the end is no comp",
        ),
        ([HERE], [{**RULE, "quiet": 60, "forced": 5}], "forced is less than quiet"),
        ([HERE], [{**RULE, "colour": "red"}], "Extra inputs"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(
    destinations: list[Any], rules: list[Any], message: str
) -> None:
    """Each with what is wrong."""
    with pytest.raises(ValidationError) as refused:
        RoutingSettings.model_validate({"destination": destinations, "rule": rules})
    assert message in str(refused.value)
