"""What an exception of a plugin means, by the kind of its hook."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from types import SimpleNamespace

import pytest
from pydantic import BaseModel, Field
from pydicom import Dataset
from structlog.testing import capture_logs

from pacs_framework import hookimpl, hookspecs
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.pixel_work import PixelWork
from pacs_framework.archive.changes import Change, ChangeKind
from pacs_framework.archive.incoming import Coercion, Compression, Origin, Refusal
from pacs_framework.dicom.status import Status
from pacs_framework.errors import ConfigurationError, OutOfResources, PluginError
from pacs_framework.hookspecs import HookKind, kind_of
from pacs_framework.network.decisions import (
    AssociationRequest,
    Narrowing,
    ProposedContext,
    Rejection,
    RejectReason,
    RejectResult,
)
from pacs_framework.plugins import PluginSet, PluginState
from pacs_framework.plugins.contract import Contract


def plugin(**hooks) -> SimpleNamespace:
    """A plugin in this process: hook name → function."""
    return SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})


def raising(error: BaseException):
    def hook():
        raise error

    return hook


def test_every_hook_of_the_book_is_in_the_contract():
    """In the order in which they are written, each with its kind and its parameters."""
    hooks = Contract().hooks
    written = [name for name, value in vars(hookspecs).items() if hasattr(value, "pacs_hook_kind")]
    assert list(hooks) == written
    assert str(hooks["on_store"]) == "on_store(instance, archive, settings)"
    assert all(hook.kind is kind_of(getattr(hookspecs, name)) for name, hook in hooks.items())
    assert {hook.kind for hook in hooks.values()} == set(HookKind)


# --- REGISTER ----------------------------------------------------------------------------------


def opener(url):
    return None


def test_results_are_collected_in_order_and_named():
    """Each with the name of its plugin; what it provides is in its row."""
    plugins = PluginSet.with_local(
        {
            "z": plugin(storage_backends=lambda: {"file": opener}),
            "a": plugin(storage_backends=lambda: {"s3": opener, "gs": opener}),
        }
    )
    results = plugins.register("storage_backends")
    assert results == [("z", {"file": opener}), ("a", {"s3": opener, "gs": opener})]
    assert [row.provides for row in plugins.rows()] == [
        {"storage_backends": ("file",)},
        {"storage_backends": ("s3", "gs")},
    ]


def test_a_row_is_plain_json_or_text():
    """For ``pacs plugins``, with ``--json`` and without."""
    plugins = PluginSet.with_local({"z": plugin(storage_backends=lambda: {"file": opener})})
    plugins.register("storage_backends")
    assert plugins.rows()[0].as_json() == {
        "name": "z",
        "distribution": "(local)",
        "version": "",
        "state": "active",
        "reason": "",
        "configured": True,
        "optional": False,
        "hooks": ("storage_backends",),
        "provides": {"storage_backends": ("file",)},
        "circuits": (),
    }
    assert plugins.rows()[0].cells() == (
        *("z", "(local)", "", "active"),
        *("storage_backends", "file", ""),
    )


def test_two_providers_of_one_scheme_are_both_named():
    """The start stops and says what to do."""
    both = {
        "a": plugin(storage_backends=lambda: {"s3": opener}),
        "b": plugin(storage_backends=lambda: {"s3": opener}),
    }
    with pytest.raises(ConfigurationError) as caught:
        PluginSet.with_local(both).register("storage_backends")
    assert str(caught.value) == (
        "storage scheme 's3' is provided by both 'a' and 'b'; name one of them in [plugins] deny"
    )


@pytest.mark.parametrize(
    ("hook", "what", "member"),
    [
        ("dimse_services", "DIMSE service", SimpleNamespace(name="x", serve=print)),
        ("cli_commands", "command", SimpleNamespace(name="x", invoke=print)),
        ("background", "background work", SimpleNamespace(name="x", start=print, stop=print)),
        ("doors", "door", SimpleNamespace(name="x", start=print, stop=print)),
    ],
)
def test_two_providers_of_one_service_or_command_are_both_named(hook, what, member):
    """The same for DIMSE services and commands."""
    both = {name: plugin(**{hook: lambda: [member]}) for name in "ab"}
    with pytest.raises(ConfigurationError, match=f"^{what} 'x' is provided by both 'a' and 'b'"):
        PluginSet.with_local(both).register(hook, archive=None)


@pytest.mark.parametrize(
    ("hook", "result", "reason"),
    [
        (
            "storage_backends",
            ["file"],
            "storage_backends returned a 'list', not a mapping of scheme to function",
        ),
        (
            "storage_backends",
            {"file": 3},
            (
                "storage_backends returned 'file': a 'int', "
                "not a scheme with the function that opens it"
            ),
        ),
        ("dimse_services", None, "dimse_services returned a 'NoneType', not a sequence"),
        ("dimse_services", ["x"], "dimse_services returned a 'str', not a DimseService"),
        (
            "background",
            [print],
            "background returned a 'builtin_function_or_method', not a Background",
        ),
        ("doors", [print], "doors returned a 'builtin_function_or_method', not a Door"),
        (
            "serve_options",
            {"port": print},
            (
                "serve_options returned 'port': a 'builtin_function_or_method', "
                "not a setting with an option"
            ),
        ),
        (
            "cli_commands",
            [print],
            "cli_commands returned a 'builtin_function_or_method', not a named click command",
        ),
        (
            "cli_commands",
            [SimpleNamespace(name="x", invoke=print)] * 2,
            "cli_commands returned 'x' twice",
        ),
    ],
)
def test_a_wrong_result_fails_the_plugin(site, hook, result, reason):
    """What came, and what the hook wants."""
    plugins = PluginSet.with_local({"a": plugin(**{hook: lambda: result})})
    with pytest.raises(PluginError) as caught:
        plugins.register(hook, archive=None)
    assert str(caught.value).endswith(f"failed  {reason}")
    assert plugins.rows()[0].state == "failed"


def test_an_exception_takes_an_unconfigured_plugin_out_of_service(site):
    """It is shown and logged with its reason, and none of its hooks is called any more."""
    source = """
        from pacs_framework import hookimpl
        from pacs_framework.archive.incoming import Refusal

        @hookimpl
        def storage_backends():
            raise OSError("no such device")

        @hookimpl
        def on_store():
            return Refusal(reason="never asked")
    """
    site.install("pacs-acme", {"acme": source})
    plugins = site.load()
    assert plugins.register("storage_backends") == []
    with capture_logs() as logs:
        plugins.log_failures()
    (row,) = plugins.rows()
    file = site.folder / "pacs_acme_acme.py"
    assert row.reason == f"storage_backends: OSError: no such device ({file}:7)"
    assert [(log["event"], log["plugin"]) for log in logs] == [("plugin failed, left out", "acme")]
    assert plugins.decide_store(None) is None
    assert plugins.inactive == {"acme"}


def test_sys_exit_in_a_register_hook_is_a_failure_of_the_plugin():
    """A plugin cannot end the process."""
    plugins = PluginSet.with_local({"a": plugin(storage_backends=raising(SystemExit(0)))})
    with pytest.raises(PluginError, match="storage_backends: SystemExit: 0"):
        plugins.register("storage_backends")


class Named(Anonymizer):
    """One with a name of its own."""

    def anonymize(self, dataset):
        return dataset


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (None, "anonymizers returned a 'NoneType', not a mapping of name to Anonymizer"),
        ([Named()], "anonymizers returned a 'list', not a mapping of name to Anonymizer"),
        ({"a": Named}, "anonymizers returned 'a': a 'ABCMeta', not a name with an Anonymizer"),
        ({"a": opener}, "anonymizers returned 'a': a 'function', not a name with an Anonymizer"),
        ({7: Named()}, "anonymizers returned 7: a 'Named', not a name with an Anonymizer"),
    ],
)
def test_anonymizers_are_objects_by_name(answer, complaint):
    """A class among them would fail with the first patient; now it fails at the start."""
    with pytest.raises(PluginError, match=complaint):
        PluginSet.with_local({"a": plugin(anonymizers=lambda: answer)}).register("anonymizers")


def test_anonymizers_stand_in_the_row_of_their_plugin():
    plugins = PluginSet.with_local({"a": plugin(anonymizers=lambda: {"basic": Named()})})
    ((name, offered),) = plugins.register("anonymizers")
    assert (name, list(offered)) == ("a", ["basic"])
    assert [row.provides for row in plugins.rows()] == [{"anonymizers": ("basic",)}]


class Limits(BaseModel):
    """Settings of a plugin."""

    limit: int = Field(default=5, description="A limit.")


def test_settings_are_the_plugins_own():
    """The defaults of its model until its section is bound; None without a model."""
    seen = []
    hooks = {
        "with": plugin(
            config_models=lambda: Limits,
            storage_backends=lambda settings: seen.append(settings) or {},
        ),
        "without": plugin(storage_backends=lambda settings: seen.append(settings) or {}),
    }
    PluginSet.with_local(hooks).register("storage_backends")
    PluginSet.with_local(hooks, {"with": Limits(limit=9)}).register("storage_backends")
    assert seen == [Limits(), None, Limits(limit=9), None]


def test_a_local_plugin_is_held_to_the_contract():
    """A misspelt hook in a test's plugin is an error of the test."""
    with pytest.raises(PluginError, match="hook 'on_stor' does not exist"):
        PluginSet.with_local({"a": plugin(on_stor=lambda instance: None)})


# --- DECIDE: on_store --------------------------------------------------------------------------


def test_without_a_judge_an_instance_passes():
    """No plugin, no decision."""
    assert PluginSet.with_local({}).decide_store(None) is None


def test_the_first_refusal_wins(instance):
    """Those after it are not asked; the log names the plugin and the reason."""
    refusal = Refusal(reason="not on Sundays", status=Status.NOT_AUTHORIZED)
    plugins = PluginSet.with_local(
        {
            "passes": plugin(on_store=lambda: None),
            "refuses": plugin(on_store=lambda: refusal),
            "after": plugin(on_store=raising(AssertionError("asked"))),
        }
    )
    with capture_logs() as logs:
        assert plugins.decide_store(instance()) is refusal
    assert logs == [
        {
            "event": "plugin refused instance",
            "log_level": "info",
            "plugin": "refuses",
            "reason": "not on Sundays",
            "status": "0124H",
            "sop_instance_uid": "1.2.3.4",
        }
    ]


def coerce(**elements):
    def on_store(instance):
        dataset = instance.dataset()
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
        return Coercion(dataset=dataset, reason=f"sets {', '.join(elements)}")

    return on_store


def test_coercions_chain(instance):
    """Each plugin sees the data set and the attributes that the one before left."""
    seen = []

    def look(instance):
        seen.append(instance)

    plugins = PluginSet.with_local(
        {
            "first": plugin(on_store=coerce(PatientID="NEW", SOPInstanceUID="9.9")),
            "looks": plugin(on_store=look),
            "second": plugin(on_store=coerce(StudyDescription="S", ImageType=["A", "B"])),
        }
    )
    answer = plugins.decide_store(instance())
    assert isinstance(answer, Coercion)
    assert answer.reason == "sets PatientID, SOPInstanceUID; sets StudyDescription, ImageType"
    assert (answer.dataset.PatientID, answer.dataset.StudyDescription) == ("NEW", "S")
    (between,) = seen
    assert between.attributes["PatientID"] == "NEW"
    assert between.attributes["StudyDescription"] == ""
    assert between.sop_instance_uid == "9.9"
    assert between.dataset().PatientID == "NEW"


@pytest.mark.parametrize(
    ("flags", "anonymous"),
    [((False, False), False), ((True, False), True), ((False, True), True), ((True, True), True)],
)
def test_what_one_plugin_made_anonymous_stays_so(instance, flags, anonymous):
    """Whoever coerces it before or after: of what arrived, nothing but the pixels may be kept."""

    def coerces(flag):
        return lambda instance: Coercion(dataset=instance.dataset(), anonymous=flag)

    plugins = PluginSet.with_local(
        {name: plugin(on_store=coerces(flag)) for name, flag in zip("ab", flags, strict=True)}
    )
    assert plugins.decide_store(instance()).anonymous is anonymous


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_work_on_pixels_is_kept_whoever_coerces_before_or_after(instance, order):
    """Else the instance would go on with a header that says it was done."""
    work = PixelWork(done="a test")

    def coerces(pixels):
        return lambda instance: Coercion(dataset=instance.dataset(), pixels=pixels)

    plugins = PluginSet.with_local(
        {
            name: plugin(on_store=coerces(work if has_work else None))
            for name, has_work in zip("ab", order, strict=True)
        }
    )
    assert plugins.decide_store(instance()).pixels is work


def test_two_plugins_cannot_both_change_the_pixels(instance):
    def coerces(instance):
        return Coercion(dataset=instance.dataset(), pixels=PixelWork(done="a test"))

    plugins = PluginSet.with_local({"a": plugin(on_store=coerces), "b": plugin(on_store=coerces)})
    assert isinstance(plugins.decide_store(instance()), Refusal)


HTJ2K, RLE = "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.5"


def test_a_compression_is_kept_with_what_all_others_change(instance):
    """The last one counts; headers changed before, with it and behind it go together."""

    def both(instance):
        return Compression(to=RLE, coercion=coerce(StudyDescription="S")(instance), reason="small")

    plugins = PluginSet.with_local(
        {
            "first": plugin(on_store=coerce(PatientID="NEW")),
            "second": plugin(on_store=lambda: Compression(to=HTJ2K)),
            "third": plugin(on_store=both),
            "fourth": plugin(on_store=coerce(ImageType=["A", "B"])),
        }
    )
    answer = plugins.decide_store(instance())
    assert (answer.to, answer.reason) == (RLE, "small")
    dataset = answer.coercion.dataset
    assert (dataset.PatientID, dataset.StudyDescription) == ("NEW", "S")
    assert dataset.ImageType == ["A", "B"]
    assert answer.coercion.reason == "sets PatientID; sets StudyDescription; sets ImageType"


def test_a_compression_alone_changes_nothing_that_others_see(instance):
    seen = []

    def look(instance):
        seen.append(instance)

    plugins = PluginSet.with_local(
        {"a": plugin(on_store=lambda: Compression(to=HTJ2K)), "b": plugin(on_store=look)}
    )
    arrived = instance()
    with capture_logs() as logs:
        assert plugins.decide_store(arrived) == Compression(to=HTJ2K)
    assert seen == [arrived]
    assert [entry["event"] for entry in logs] == ["plugin has instance compressed"]


def test_a_refusal_after_a_compression_refuses(instance):
    refusal = Refusal(reason="no")
    plugins = PluginSet.with_local(
        {"a": plugin(on_store=lambda: Compression(to=HTJ2K)), "b": plugin(on_store=lambda: refusal)}
    )
    assert plugins.decide_store(instance()) is refusal


def test_each_look_at_a_coerced_data_set_is_a_fresh_copy(instance):
    """A plugin that changes what it only looked at changes nothing."""

    def careless(instance):
        instance.dataset().PatientID = "LOST"

    plugins = PluginSet.with_local(
        {"a": plugin(on_store=coerce(PatientID="NEW")), "b": plugin(on_store=careless)}
    )
    assert plugins.decide_store(instance()).dataset.PatientID == "NEW"


def test_a_refusal_after_a_coercion_refuses(instance):
    """What was coerced is not stored."""
    refusal = Refusal(reason="no")
    plugins = PluginSet.with_local(
        {"a": plugin(on_store=coerce(PatientID="N")), "b": plugin(on_store=lambda: refusal)}
    )
    assert plugins.decide_store(instance()) is refusal


@pytest.mark.parametrize(
    "hook",
    [
        raising(ValueError("patient SECRETNAME^ANNA")),
        raising(SystemExit(1)),
        raising(RecursionError()),
        raising(KeyboardInterrupt()),  # of a plugin, not of the user
        raising(GeneratorExit()),
        lambda: True,
        lambda: "refused",
        lambda: Coercion(dataset={"PatientID": "X"}),
        lambda: Compression(to="1.2.840.10008.1.2.5", coercion=Coercion(dataset={})),
        lambda: Compression(to="1.2.840.10008.1.2.5", coercion="none"),
        lambda: Rejection(note="no answer of this hook"),
    ],
)
def test_a_judge_that_fails_refuses(instance, hook):
    """0110H, whatever was raised or returned instead of an answer; the log names the plugin."""
    plugins = PluginSet.with_local(
        {"good": plugin(on_store=lambda: None), "bad": plugin(on_store=hook)}
    )
    with capture_logs() as logs:
        answer = plugins.decide_store(instance())
    assert isinstance(answer, Refusal)
    assert answer.status == Status.PROCESSING_FAILURE
    errors = [log for log in logs if log["log_level"] == "error"]
    assert [(log["plugin"], log["hook"]) for log in errors] == [("bad", "on_store")]
    assert "SECRETNAME" not in str([log for log in logs if log["log_level"] != "debug"])
    assert [(f.plugin, f.calls, f.errors) for f in plugins.figures()] == [
        ("good", 1, 0),
        ("bad", 1, 1),
    ]


def test_the_log_of_a_failure_says_where_and_what_a_pacs_error_said(instance):
    """The line of the plugin; the message only of errors that carry no patient data."""
    plugins = PluginSet.with_local({"a": plugin(on_store=raising(OutOfResources("disk is full")))})
    with capture_logs() as logs:
        plugins.decide_store(instance())
    assert logs[0]["error"] == "OutOfResources"
    assert logs[0]["reason"] == "disk is full"
    assert logs[0]["at"].startswith(f"{__file__}:")


def test_a_coercion_that_the_next_plugin_could_not_read_is_its_authors(instance):
    """The plugin that returned it is the one that failed."""

    class Odd(Dataset):
        def __contains__(self, name):
            raise ValueError("odd")

    plugins = PluginSet.with_local(
        {
            "odd": plugin(on_store=lambda: Coercion(dataset=Odd())),
            "next": plugin(on_store=lambda: None),
        }
    )
    with capture_logs() as logs:
        assert isinstance(plugins.decide_store(instance()), Refusal)
    assert [log["plugin"] for log in logs if log["log_level"] == "error"] == ["odd"]


# --- DECIDE: on_association --------------------------------------------------------------------


@pytest.fixture
def request_():
    contexts = tuple(
        ProposedContext(context_id=n, abstract_syntax=f"1.{n}", transfer_syntaxes=("1.2",))
        for n in (1, 3, 5)
    )
    return AssociationRequest(
        association_id="a1",
        calling_aet="CT1",
        called_aet="PACS",
        address="192.0.2.1",
        port=4000,
        tls_subject="",
        user_identity=None,
        contexts=contexts,
    )


def narrow(*ids: int):
    return lambda: Narrowing(context_ids=frozenset(ids))


def test_narrowings_intersect(request_):
    """With each other and with what was proposed."""
    plugins = PluginSet.with_local(
        {
            "a": plugin(on_association=narrow(1, 3, 99)),
            "b": plugin(on_association=lambda: None),
            "c": plugin(on_association=narrow(3, 5, 99)),
        }
    )
    assert plugins.decide_association(request_) == Narrowing(
        context_ids=frozenset({3}), note="a; c"
    )


def test_nobody_narrows_nothing(request_):
    """None stays None."""
    assert PluginSet.with_local({}).decide_association(request_) is None
    asked = PluginSet.with_local({"a": plugin(on_association=lambda: None)})
    assert asked.decide_association(request_) is None


def test_a_rejection_wins_over_narrowings(request_):
    """The first one; the log names the plugin."""
    rejection = Rejection(reason=RejectReason.CALLING_AE_TITLE_NOT_RECOGNIZED, note="unknown")
    plugins = PluginSet.with_local(
        {"a": plugin(on_association=narrow(1)), "b": plugin(on_association=lambda: rejection)}
    )
    with capture_logs() as logs:
        assert plugins.decide_association(request_) is rejection
    (log,) = logs
    assert log["plugin"] == "b"
    assert log["note"] == "unknown"
    assert log["reason"] == "CALLING_AE_TITLE_NOT_RECOGNIZED"


@pytest.mark.parametrize("hook", [raising(KeyError("x")), raising(SystemExit()), lambda: False])
def test_a_judge_of_associations_that_fails_rejects(request_, hook):
    """Transient, temporary congestion, from the service provider."""
    plugins = PluginSet.with_local({"bad": plugin(on_association=hook)})
    with capture_logs() as logs:
        answer = plugins.decide_association(request_)
    assert answer == Rejection(
        reason=RejectReason.TEMPORARY_CONGESTION,
        result=RejectResult.TRANSIENT,
        note="plugin 'bad' failed",
    )
    assert logs[0]["plugin"] == "bad"


# --- NOTIFY ------------------------------------------------------------------------------------


@pytest.fixture
def change():
    return Change(
        sequence=7,
        kind=ChangeKind.STORED,
        at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        patient_id="PID1",
        issuer_of_patient_id="",
        study_instance_uid="1.2",
        series_instance_uid="1.2.3",
        sop_instance_uid="1.2.3.4",
        sop_class_uid="1.2.840",
        origin=Origin(door="dimse"),
    )


def test_consumers_get_change_archive_and_settings(change):
    """By name; one consumer for each plugin that implements the hook."""
    seen = []

    def on_stored(archive, change, settings):
        seen.append((change, archive, settings))

    plugins = PluginSet.with_local(
        {
            "a": plugin(on_stored=on_stored, config_models=lambda: Limits),
            "b": plugin(on_store=lambda: None),
        }
    )
    consumers = plugins.notify_consumers("on_stored")
    assert list(consumers) == ["a"]
    archive = object()
    consumers["a"]([change], archive)
    assert seen == [(change, archive, Limits())]


def test_a_consumer_that_takes_changes_gets_several(change):
    """One that takes ``change`` gets one alone, also where it takes whatever there is."""
    seen = []

    def several(changes):
        seen.append(changes)

    plugins = PluginSet.with_local(
        {
            "several": plugin(on_stored=several),
            "anything": plugin(on_stored=lambda **taken: seen.append(taken["change"])),
        }
    )
    consumers = plugins.notify_consumers("on_stored")
    assert [each.takes_several for each in consumers.values()] == [True, False]
    consumers["several"]([change, change], None)
    consumers["anything"]([change], None)
    assert seen == [[change, change], change]


def test_nobody_takes_one_change_and_several():
    with pytest.raises(PluginError, match=r"on_stored takes 'change' or 'changes', not both"):
        PluginSet.with_local({"a": plugin(on_stored=lambda change, changes: None)})


@pytest.mark.parametrize(
    ("raised", "comes_out"), [(ValueError("PID1"), ValueError), (SystemExit(1), PluginError)]
)
def test_a_consumer_that_fails_is_counted_logged_and_raised_to_the_feed(change, raised, comes_out):
    """The feed repeats it; sys.exit() does not end the feed's thread."""
    plugins = PluginSet.with_local({"a": plugin(on_stored=raising(raised))})
    with capture_logs() as logs, pytest.raises(comes_out):
        plugins.notify_consumers("on_stored")["a"]([change], None)
    assert (logs[0]["plugin"], logs[0]["hook"], logs[0]["sequence"]) == ("a", "on_stored", 7)
    assert "PID1" not in str(logs[0])
    (figures,) = plugins.figures()
    assert (figures.calls, figures.errors) == (1, 1)


class Program(BaseModel):
    run: str = Field(default="", description="what to run")


def test_a_hook_that_its_plugin_calls_idle_is_not_called(change, instance):
    """By its settings; then it is no consumer, and an operation does not ask it."""
    seen = []

    def idle_hooks(settings):
        return () if settings.run else ("on_stored", "on_store")

    runner = plugin(
        config_models=lambda: Program,
        idle_hooks=idle_hooks,
        on_stored=lambda **taken: seen.append(taken["change"]),
        on_store=lambda instance: Refusal(reason="never"),
    )
    plugins = PluginSet.with_local({"a": runner})
    assert plugins.notify_consumers("on_stored") == {}
    assert plugins.idle_consumers("on_stored") == {"a"}
    assert plugins.decide_store(instance()) is None
    plugins.bind_settings({"a": Program(run="this")})
    assert plugins.idle_consumers("on_stored") == frozenset()
    plugins.notify_consumers("on_stored")["a"]([change], None)
    assert seen == [change]
    assert isinstance(plugins.decide_store(instance()), Refusal)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("on_stored", "returned a 'str', not a collection of names"),
        (None, "returned a 'NoneType', not a collection of names"),
        ([7], "returned a 'int' among the names"),
        (["on_store"], "returned 'on_store', which is no DECIDE or NOTIFY hook of its own"),
        (["idle_hooks"], "returned 'idle_hooks', which is no DECIDE or NOTIFY hook of its own"),
    ],
)
def test_a_plugin_that_calls_strange_hooks_idle_has_failed(answer, complaint):
    idle = plugin(idle_hooks=lambda: answer, on_stored=lambda: None)
    with pytest.raises(PluginError, match=complaint):
        PluginSet.with_local({"a": idle})


# --- how hooks are called ----------------------------------------------------------------------


def test_an_implementation_takes_what_it_needs(instance):
    """Any parameters of the hook by name, in any order, none, or all of them."""
    seen = []

    class Everything:
        @hookimpl
        def on_store(self, **everything):
            seen.append(sorted(everything))

    plugins = PluginSet.with_local(
        {
            "none": plugin(on_store=lambda: seen.append([])),
            "some": plugin(on_store=lambda settings, instance: seen.append(["both"])),
            "all": Everything,
        }
    )
    plugins.decide_store(instance())
    assert seen == [[], ["both"], ["archive", "instance", "settings"]]


def test_time_and_calls_are_counted_per_plugin_and_hook(instance):
    """Seconds are the sum over the calls."""
    plugins = PluginSet.with_local({"a": plugin(on_store=lambda: None)})
    for _ in range(3):
        plugins.decide_store(instance())
    (figures,) = plugins.figures()
    assert (figures.plugin, figures.hook, figures.calls, figures.errors) == ("a", "on_store", 3, 0)
    assert figures.seconds > 0


def test_the_command_line_is_not_imported_with_the_plugins():
    """A running archive needs no click to load and call plugins."""
    code = "import sys, pacs_framework.plugins; print({'click'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "set()\n"


def test_states_are_words_for_people():
    """They stand in the table as they are."""
    assert [state.value for state in PluginState] == ["active", "failed", "denied", "not allowed"]
