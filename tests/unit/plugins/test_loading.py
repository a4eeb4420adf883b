"""One plugin after the other: each failure is one readable row, and the others go on."""

from __future__ import annotations

import pytest

from pacs_framework.errors import ConfigurationError, PluginError

GOOD = """
    from pacs_framework import hookimpl

    @hookimpl
    def on_store(instance):
        return None
"""
EXPLODES = "raise RuntimeError('imported')"
SECTIONED = """
    from pydantic import BaseModel, Field
    from pacs_framework import hookimpl

    class Settings(BaseModel):
        size: int = Field(default=3, description="How large.")

    @hookimpl
    def config_models():
        return Settings
"""


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "\nimport nothing_of_this_name",
            "ModuleNotFoundError: No module named 'nothing_of_this_name' ({file}:2)",
        ),
        ("raise SystemExit(3)", "SystemExit: 3 ({file}:1)"),
        ("raise BaseException", "BaseException ({file}:1)"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines ({file}:1)"),
        ("x = (", "SyntaxError: '(' was never closed ({file}:1)"),
        ("VALUE = 1", "implements no hook"),
        (
            "def on_store(instance): ...",
            "implements no hook (on_store not marked with @hookimpl)",
        ),
    ],
)
def test_what_fails_in_an_import_becomes_one_line(site, source, reason):
    """Type, message, and the line of the plugin; never a traceback."""
    site.install("pacs-acme", {"acme": source})
    site.install("pacs-good", {"good": GOOD})
    plugins = site.load()
    file = site.folder / "pacs_acme_acme.py"
    assert [(row.name, row.state, row.reason) for row in plugins.rows()] == [
        ("acme", "failed", reason.format(file=file)),
        ("good", "active", ""),
    ]


def test_a_keyboard_interrupt_is_the_users(site):
    """Control-C while plugins load is no failure of the plugin."""
    site.install("pacs-acme", {"acme": "raise KeyboardInterrupt"})
    with pytest.raises(KeyboardInterrupt):
        site.load()


def hook(name: str, parameters: str, *, marker: str = "hookimpl", prefix: str = "") -> str:
    return (
        f"from pacs_framework import hookimpl\n\n@{marker}\n{prefix}def {name}({parameters}): ...\n"
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            hook("on_stor", "instance"),
            "hook 'on_stor' does not exist, nearest: 'on_store', 'on_stored' ({file}:3)",
        ),
        (
            hook("on_store", "inst, settings"),
            (
                "wrong signature: the plugin has on_store(inst, settings), "
                "the hook is on_store(instance, archive, settings) ({file}:3)"
            ),
        ),
        (
            hook("on_store", "instance, setings=None"),
            (
                "wrong signature: the plugin has on_store(instance, setings), "
                "the hook is on_store(instance, archive, settings) ({file}:3)"
            ),
        ),
        (
            hook("on_store", "instance, /"),
            (
                "wrong signature: the plugin has on_store(instance), "
                "the hook is on_store(instance, archive, settings) ({file}:3)"
            ),
        ),
        (
            hook("on_store", "instance", prefix="async "),
            "on_store is no ordinary function: hooks block ({file}:3)",
        ),
        (
            hook("on_store", "instance", marker="hookimpl(tryfirst=True)"),
            (
                "on_store is marked 'tryfirst', which this kernel does not know: "
                "[plugins] order decides who comes first ({file}:3)"
            ),
        ),
        (
            hook("on_store", "instance") + "\n@hookimpl(specname='on_store')\ndef other(): ...\n",
            "implements on_store twice",
        ),
    ],
)
def test_what_breaks_the_contract_says_how(site, source, reason):
    """Nearest names, and both signatures."""
    site.install("pacs-acme", {"acme": source})
    file = site.folder / "pacs_acme_acme.py"
    assert site.row("acme").reason == reason.format(file=file)


def test_a_hook_that_resembles_none_is_told_all(site):
    """Where nothing is near, the known hooks are listed."""
    site.install("pacs-acme", {"acme": hook("zzz", "")})
    reason = site.row("acme").reason
    assert "hook 'zzz' does not exist, and no active plugin offers it: " in reason
    assert "known: add_hookspecs, config_models, " in reason


def test_every_fault_of_a_plugin_is_told_at_once(site):
    """Two misspelt hooks are two parts of one reason."""
    second = hook("on_associatio", "request").partition("\n")[2]
    site.install("pacs-acme", {"acme": hook("on_stor", "instance") + second})
    reason = site.row("acme").reason
    assert "'on_stor' does not exist" in reason
    assert "'on_associatio' does not exist" in reason


def test_unmarked_functions_are_the_plugins_own(site):
    """A function without the marker is no hook, whatever its name."""
    site.install("pacs-acme", {"acme": GOOD + "\n    def on_stored(): ...\n"})
    assert site.row("acme").hooks == ("on_store",)


def test_a_class_is_called_without_arguments(site):
    """Its methods are the hooks, on one object."""
    source = """
        from pacs_framework import hookimpl

        class Acme:
            def __init__(self):
                self.seen = 0

            @hookimpl
            def on_store(self, instance):
                self.seen += 1
    """
    site.install("pacs-acme", {"acme": source})
    entry_points = site.folder / "pacs_acme-1.0.dist-info" / "entry_points.txt"
    entry_points.write_text("[pacs.plugins]\nacme = pacs_acme_acme:Acme\n")
    row = site.row("acme")
    assert (row.state, row.hooks) == ("active", ("on_store",))


def test_a_class_that_wants_arguments_failed(site):
    """The constructor is part of loading."""
    site.install("pacs-acme", {"acme": "class Acme:\n    def __init__(self, x): ...\n"})
    entry_points = site.folder / "pacs_acme-1.0.dist-info" / "entry_points.txt"
    entry_points.write_text("[pacs.plugins]\nacme = pacs_acme_acme:Acme\n")
    row = site.row("acme")
    assert row.state == "failed"
    assert row.reason.startswith("TypeError: Acme.__init__() missing 1 required positional")


def test_an_entry_point_into_nothing_failed(site):
    """The attribute that does not exist is named."""
    site.install("pacs-acme", {"acme": GOOD})
    entry_points = site.folder / "pacs_acme-1.0.dist-info" / "entry_points.txt"
    entry_points.write_text("[pacs.plugins]\nacme = pacs_acme_acme:Nobody\n")
    reason = site.row("acme").reason
    assert reason == "AttributeError: module 'pacs_acme_acme' has no attribute 'Nobody'"


# --- lists -------------------------------------------------------------------------------------


def test_a_denied_plugin_is_not_imported(site):
    """It is shown as denied."""
    site.install("pacs-acme", {"acme": EXPLODES})
    row = site.row("acme", deny=("acme",))
    assert (row.state, row.reason) == ("denied", "in [plugins] deny")


def test_only_allowed_and_required_plugins_are_imported(site):
    """An allow list keeps the others out, unread."""
    site.install("pacs-acme", {"acme": EXPLODES})
    site.install("pacs-good", {"good": GOOD, "needed": GOOD})
    plugins = site.load(allow=("good",), required=("needed",))
    assert [(row.name, row.state) for row in plugins.rows()] == [
        ("acme", "not allowed"),
        ("good", "active"),
        ("needed", "active"),
    ]
    assert plugins.inactive == {"acme"}


def test_the_order_is_the_configured_one_then_by_name(site):
    """Those that ``order`` names come first."""
    site.install("pacs-acme", dict.fromkeys("abcd", GOOD))
    plugins = site.load(order=("c", "b"))
    assert [row.name for row in plugins.rows()] == ["c", "b", "a", "d"]


def test_unknown_names_are_told_with_the_nearest_known(site):
    """In every list and in the sections, all at once."""
    site.install("pacs-acme", {"acme": GOOD})
    with pytest.raises(ConfigurationError) as caught:
        site.load(["stor"], deny=("acne",), order=("acme", "xyz"))
    assert str(caught.value) == (
        "the configuration has 3 problems:\n"
        "  [plugins] deny names 'acne': no installed plugin of this name; did you mean 'acme'?\n"
        "  [plugins] order names 'xyz': no installed plugin of this name (installed: acme)\n"
        "  [plugin.stor]: no installed plugin of this name (installed: acme)"
    )


# --- stopping the start ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        {"configured": ["acme"]},
        {"allow": ("acme",)},
        {"order": ("acme",)},
        {"required": ("acme",)},
    ],
)
def test_a_configured_plugin_that_failed_stops_the_start(site, asked):
    """The message is one readable table."""
    site.install("pacs-acme", {"acme": "raise ImportError('no luck')"})
    plugins = site.load(**asked)
    file = site.folder / "pacs_acme_acme.py"
    with pytest.raises(PluginError) as caught:
        plugins.check()
    assert str(caught.value) == (
        "plugins that the configuration asks for have failed:\n"
        "  PLUGIN  DISTRIBUTION  VERSION  STATE   REASON\n"
        f"  acme    pacs-acme     1.0      failed  ImportError: no luck ({file}:1)"
    )


def test_an_unconfigured_plugin_that_failed_is_left_out(site):
    """The start goes on without it."""
    site.install("pacs-acme", {"acme": EXPLODES, "good": GOOD})
    plugins = site.load(["good"])
    plugins.check()
    assert [plugin.name for plugin in plugins.active] == ["good"]


# --- the model of its section ------------------------------------------------------------------


def test_the_model_of_a_section_is_collected(site):
    """Plugins without one are named with None."""
    site.install("pacs-acme", {"acme": SECTIONED, "good": GOOD})
    models = site.load().config_models()
    assert list(models) == ["acme", "good"]
    assert models["acme"].model_fields["size"].default == 3
    assert models["good"] is None


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        ('size: int = Field(description="x")', "config_models: Settings.size has no default"),
        ("size: int = 3", "config_models: Settings.size has no description"),
    ],
)
def test_every_field_of_a_model_has_default_and_description(site, definition, reason):
    """``pacs config`` prints them."""
    old = 'size: int = Field(default=3, description="How large.")'
    site.install("pacs-acme", {"acme": SECTIONED.replace(old, definition)})
    plugins = site.load()
    plugins.config_models()
    (row,) = plugins.rows()
    assert (row.state, row.reason) == ("failed", reason)


def test_a_model_whose_defaults_do_not_hold_failed(site):
    """Found at start, not at the first use."""
    bad = SECTIONED.replace(
        "size: int", "model_config = {'validate_default': True}\n        size: int"
    ).replace("default=3", "default='three'")
    site.install("pacs-acme", {"acme": bad})
    plugins = site.load()
    plugins.config_models()
    assert plugins.rows()[0].reason.startswith("config_models: defaults of Settings: Validation")


def test_a_configured_plugin_that_fails_later_stops_the_start_too(site):
    """REGISTER hooks are part of the start."""
    site.install("pacs-acme", {"acme": SECTIONED.replace("return Settings", "return 5")})
    plugins = site.load(["acme"])
    plugins.check()
    with pytest.raises(PluginError, match="config_models returned a 'int', not a pydantic model"):
        plugins.config_models()
