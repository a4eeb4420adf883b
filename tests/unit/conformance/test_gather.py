"""What is gathered: no more than is negotiated, nothing that is secret, and what is missing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from installations import CT, EXPLICIT, IMPLICIT, VERIFICATION, Make, context
from pydantic import BaseModel, Field

from pacs_framework import hookimpl
from pacs_framework.config import Settings
from pacs_framework.conformance.as_markdown import to_markdown
from pacs_framework.conformance.compose import compose
from pacs_framework.conformance.gather import gather
from pacs_framework.conformance.parameters import plugin_parameters
from pacs_framework.conformance.records import (
    Initiation,
    PublishedSettings,
    Remark,
    Role,
    ServiceConformance,
    StatusMeaning,
    Topic,
)
from pacs_framework.errors import PluginError
from pacs_framework.plugins import PluginSet


def documented(role: Role = Role.SCP, service: str = "echo") -> ServiceConformance:
    return ServiceConformance(
        service=service,
        role=role,
        title="C-ECHO",
        statuses=(StatusMeaning(status=0, when="always"),),
    )


def text_of(statement) -> str:
    return to_markdown(compose(statement, ""))


def test_contexts_come_from_the_services_with_a_set_for_each_role(make: Make) -> None:
    statement = make(contexts=[context(), context(CT, peer_as_scu=False, peer_as_scp=True)])
    verification, ct = statement.contexts
    assert (verification.uid, verification.as_scp, verification.as_scu) == (VERIFICATION, "T1", "")
    assert (ct.uid, ct.as_scp, ct.as_scu) == (CT, "", "T1")
    [syntaxes] = statement.syntax_sets
    assert [each.uid for each in syntaxes.transfer_syntaxes] == [IMPLICIT, EXPLICIT]


def test_a_plugin_that_documents_nothing_appears_and_is_said_to_be_undocumented(
    make: Make,
) -> None:
    """A vendor's plugin is on the wire whether it tells about itself or not."""
    statement = make(records=None)
    [plugin] = statement.plugins
    assert not plugin.documented
    [service] = statement.services
    assert service.record is None
    assert [each.uid for each in service.sop_classes] == [VERIFICATION]
    text = text_of(statement)
    assert text.count("undocumented by the plugin") == 3
    assert VERIFICATION in text


def test_a_documented_service_is_joined_with_its_contexts(make: Make) -> None:
    statement = make([documented()])
    assert statement.plugins[0].documented
    assert statement.services[0].record == documented()
    assert "undocumented" not in text_of(statement)


@pytest.mark.parametrize(
    ("record", "claim"),
    [
        (documented(role=Role.SCU), "'echo' as SCU"),
        (documented(service="ehco"), "'ehco' as SCP"),
    ],
)
def test_a_role_that_no_service_offers_cannot_be_documented(make: Make, record, claim) -> None:
    """A statement claims no more than is negotiated."""
    with pytest.raises(PluginError) as raised:
        make([record])
    assert str(raised.value) == (
        f"conformance of plugin 'vendor' documents {claim}, and no active service of this name "
        "lists a presentation context for that role"
    )


def test_one_role_documented_twice_is_refused(make: Make) -> None:
    with pytest.raises(PluginError, match=r"documents 'echo' as SCP twice"):
        make([documented(), documented()])


def test_a_plugin_that_fails_to_document_itself_is_named() -> None:
    """It would otherwise be missing without a word."""

    class Broken:
        @hookimpl
        def conformance(self):
            raise KeyError("statuses")

    plugins = PluginSet.with_local({"broken": Broken})
    plugins.active[0].configured = False
    with pytest.raises(
        PluginError, match=r"plugin 'broken' does not document itself: conformance: KeyError"
    ):
        gather(Settings(), plugins, [])


@pytest.mark.parametrize("result", ["C-ECHO", [object()], 7])
def test_what_is_no_record_is_refused(result) -> None:
    class Odd:
        @hookimpl
        def conformance(self):
            return result

    plugins = PluginSet.with_local({"odd": Odd})
    with pytest.raises(PluginError, match=r"conformance returned a '(str|object|int)', not a "):
        plugins.register("conformance")


# --- settings -----------------------------------------------------------------------------------


class Inner(BaseModel):
    address: str = Field(default="", description="Where.")
    token: str = Field(default="", description="Which.")


class Section(BaseModel):
    limit: int = Field(default=1, description="How many.")
    key: Path | None = Field(default=None, description="Which file.")
    password: str = Field(default="", description="Which one.")
    url: str = Field(default="", description="Where.")
    peers: dict[str, Inner] = Field(default_factory=dict, description="Who.")
    unpublished: str = Field(default="", description="Nobody's business.")


def test_only_published_settings_are_told_and_neither_paths_nor_secrets() -> None:
    section = Section(
        limit=2,
        key=Path("/etc/secret/key.pem"),
        password="hunter2",
        url="http://me:hunter2@host/x",
        peers={"A": Inner(address="10.0.0.1", token="hunter2")},
        unpublished="hunter2",
    )
    names = ("limit", "key", "password", "url", "peers")
    told = plugin_parameters("vendor", section, names)
    values = {each.name: (each.default, each.value) for each in told}
    assert values == {
        "limit": ("1", "2"),
        "key": ("not set", "set"),
        "password": ("", "***"),
        "url": ("", "http://me:***@host/x"),
        "peers": ("{}", '{"A": {"address": "10.0.0.1", "token": "***"}}'),
    }
    assert {each.section for each in told} == {"plugin.vendor"}


@pytest.mark.parametrize("section", [None, Section()])
def test_a_setting_that_does_not_exist_cannot_be_published(section) -> None:
    with pytest.raises(PluginError, match=r"publishes the setting 'limits', which its section"):
        plugin_parameters("vendor", section, ["limits"])


def test_publishing_is_checked_when_a_statement_is_made(make: Make) -> None:
    with pytest.raises(PluginError, match=r"publishes the setting 'accept'"):
        make([PublishedSettings(names=("accept",))])


# --- what the settings of the kernel change -----------------------------------------------------


def test_settings_of_the_network_change_the_statement(make: Make) -> None:
    network = {"max_pdu": 16384, "workers": 3, "max_associations": 7, "check_called_aet": True}
    statement = make(settings={"network": network, "archive": {"aet": "OTHER"}})
    text = text_of(statement)
    assert statement.association.max_pdu == 16384
    assert "7 for each of 3 processes, 21 in all" in text
    assert "Only associations that call OTHER are accepted." in text
    assert "or another one than OTHER" in text
    assert "| network.max_pdu | 131072 | 16384 |" in text


def test_tls_is_stated_without_a_word_of_its_files(make: Make) -> None:
    tls = {
        "enabled": True,
        "certificate": "/etc/pacs/hospital-cert.pem",
        "key": "/etc/pacs/hospital-key.pem",
        "ca": "/etc/pacs/hospital-ca.pem",
        "client_certificates": "required",
        "minimum_version": "1.3",
    }
    statement = make(settings={"network": {"tls": tls}})
    text = text_of(statement)
    assert statement.security.tls
    assert "Associations are accepted over TLS only." in text
    assert "must show a certificate" in text
    assert "1.3 to 1.3" in text
    assert "hospital" not in text
    assert "plain TCP" in text_of(make())


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("ignore", "The first one stays."),
        ("replace", "The new one takes the place"),
        ("reject", "refused with 0111H"),
    ],
)
def test_the_policy_on_duplicates_is_stated(make: Make, policy: str, said: str) -> None:
    assert said in text_of(make(settings={"archive": {"duplicates": policy}}))


def test_an_initiation_has_an_application_entity_of_its_own_where_it_says_so(make: Make) -> None:
    echo = Initiation(
        activity="vendor ping",
        when="asked",
        sop_classes=(VERIFICATION,),
        transfer_syntaxes=(IMPLICIT,),
        proposal="one context",
        calling_aet="PINGER",
    )
    text = text_of(make([documented(), echo]))
    assert "Application Entity PINGER" in text
    assert f"| Verification SOP Class | {VERIFICATION} | Yes | Yes |" in text


def test_who_stores_can_take_studies_over_from_another_archive(make: Make) -> None:
    """`pacs import from` calls as SCU; where nothing is stored, nothing can come."""
    assert make().initiations == ()
    statement = make(contexts=[context(CT)])
    [found] = statement.initiations
    assert found.activity == "pacs import from"
    text = text_of(statement)
    for level in ("FIND", "MOVE", "GET"):
        [row] = [
            line
            for line in text.splitlines()
            if line.startswith(f"| Study Root Query/Retrieve Information Model - {level} |")
            and line.endswith("| Yes | No |")
        ]
        assert "1.2.840.10008.5.1.4.1.2.2." in row


# --- the rules of the standard ------------------------------------------------------------------


def test_an_installation_without_verification_is_said_to_deviate(make: Make) -> None:
    """PS3.2 section 7.1."""
    assert make().deviations == ()
    [deviation] = make(contexts=[context(CT)]).deviations
    assert "Verification SOP Class" in deviation
    [deviation] = make(contexts=[]).deviations
    assert "no presentation context is accepted" in deviation


TEMPLATE = (
    "1 Overview|1.1 Content and transfer|1.2 DIMSE services|1.3 DICOM Web Services"
    "|1.4 Media services|1.5 Real-Time Video service|1.6 De-identification profiles"
    "|1.7 Specific Character Sets|2 Table of contents|3 Introduction|3.1 Revision history"
    "|3.2 Audience|3.3 Remarks|3.4 Terms and definitions|3.5 Abbreviations|3.6 References"
    "|4 Implementation model|4.1 Application Entities and data flow"
    "|5 Service and interoperability description|5.1 Mapping of services to Application Entities"
    "|5.2 DIMSE services|5.3 DICOM Web Services|5.4 Media services|5.5 Real-Time Video services"
    "|5.6 Cross-service considerations|5.7 Specific Character Sets|6 Configuration"
    "|6.1 General configuration parameters|6.2 Configuration of DIMSE services"
    "|7 Network and media communication details|7.1 General|7.2 Specifications|7.3 Status codes"
    "|8 Security|8.3 TCP port configuration|8.4 DICOM security profiles"
    "|8.5 User Identity Negotiation|A.A Information Object Definitions"
    "|A.B Structured Report content encoding|A.C Security details"
    "|A.D Mapping and coercion of attributes|A.E Code set usage"
)


@pytest.mark.parametrize("contexts", [(), (context(),)])
def test_no_section_of_the_template_vanishes_or_is_empty(make: Make, contexts) -> None:
    """What does not apply says None and why (PS3.2 Annex N)."""
    document = compose(make(contexts=contexts), "")
    headings = [f"{section.number} {section.title}" for section in document.walk()]
    assert set(TEMPLATE.split("|")) <= set(headings)
    assert [s.title for s in document.walk() if not s.blocks and not s.sections] == []
    assert "5.2.6 Storage Commitment service" in headings


class Reserve(BaseModel):
    reserve: int = Field(default=5, description="What stays free.")


def shelf(scheme: str) -> SimpleNamespace:
    """A storage plugin that documents itself."""

    @hookimpl
    def config_models():
        return Reserve

    @hookimpl
    def storage_backends():
        return {scheme: print}

    @hookimpl
    def conformance():
        text = f"Objects are kept on the {scheme}."
        return [
            Remark(topic=Topic.STORAGE, text=text),
            Remark(topic=Topic.SECURITY, text=f"The {scheme} has a lock."),
            PublishedSettings(names=("reserve",)),
        ]

    return SimpleNamespace(
        config_models=config_models, storage_backends=storage_backends, conformance=conformance
    )


@pytest.mark.parametrize(("url", "used"), [("", "file"), ("tape:///dev/st0", "tape")])
def test_a_storage_that_is_not_in_use_does_not_say_how_objects_are_kept(
    url: str, used: str
) -> None:
    plugins = PluginSet.with_local({scheme: shelf(scheme) for scheme in ("file", "tape")})
    plugins.bind_settings({name: model() for name, model in plugins.config_models().items()})
    settings = Settings.model_validate({"storage": {"url": url}})
    statement = gather(settings, plugins, ())
    texts = [remark.text for remark in statement.remarks]
    kept = [text for text in texts if text.startswith("Objects are kept")]
    assert kept == [f"Objects are kept on the {used}."]
    assert len(texts) == 3
    values = {each.section: each.value for each in statement.parameters if each.name == "reserve"}
    assert values.pop(f"plugin.{used}") == "5"
    assert [*values.values()] == ["5 (the storage of this plugin is not in use)"]
    assert all(plugin.documented for plugin in statement.plugins)
