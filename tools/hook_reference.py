"""The page docs/reference/hooks.md, from the hook specifications and their docstrings."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pluggy

__all__ = ["HOOK_TESTS", "NOTE", "hooks"]

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Written by tools/reference.py (make docs) from the code. Do not edit. -->\n"

# The test that shows best what a hook does; tests/unit/docs checks that each is there.
HOOK_TESTS = {
    "config_models": "tests/unit/plugins/test_loading.py",
    "add_hookspecs": "tests/unit/plugins/test_offered.py",
    "idle_hooks": "tests/unit/plugins/test_dispatch.py",
    "cli_commands": "tests/unit/plugins/test_dispatch.py",
    "storage_backends": "plugins/pacs-storage-filesystem/tests/test_plugin.py",
    "tables": "tests/unit/tables/test_tables.py",
    "codecs": "plugins/pacs-codecs-pylibjpeg/tests/test_retrieval.py",
    "anonymizers": "plugins/pacs-anonymize/tests/test_plugin.py",
    "job_kinds": "plugins/pacs-jobs/tests/test_plugin.py",
    "job_queue": "plugins/pacs-jobs/tests/test_plugin.py",
    "background": "tests/loopback/test_background.py",
    "doors": "tests/loopback/test_doors.py",
    "serve_options": "tests/loopback/test_doors.py",
    "dimse_services": "plugins/pacs-query-retrieve/tests/test_plugin.py",
    "conformance": "tests/services/test_conformance.py",
    "on_association": "tests/unit/plugins/test_dispatch.py",
    "on_store": "tests/services/test_on_store.py",
    "on_retrieve": "plugins/pacs-query-retrieve/tests/test_views.py",
    "on_stored": "plugins/pacs-exec/tests/test_exec.py",
    "on_patient_changed": "plugins/pacs-worklist/tests/test_patients.py",
}

_MORE = """\
[Hooks and their limits](../explanation/hooks.md) explains times, circuits and processes;
[write a hook](../how-to/write-a-hook.md) and [the API of plugins](api.md) are the next pages.
"""

_KINDS = {
    "register": (
        "once, while the archive starts",
        "the plugin is failed and left out; if the configuration asks for it, nothing starts",
        "register_seconds",
    ),
    "decide": (
        "for each request, in the order of `[plugins] order`; the operation waits",
        "the operation fails closed; the log names the plugin",
        "decide_seconds",
    ),
    "notify": (
        "after the commit, from the change feed",
        "logged and counted; the same change comes again, with growing pauses; others go on",
        "notify_seconds",
    ),
}


def hooks() -> str:
    """Every hook in the order of the specifications, heading equal to ``name(arg, arg)``."""
    from pacs_framework import hookspecs

    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    parts = ["# Hooks\n", NOTE, _markdown(inspect.cleandoc(hookspecs.__doc__ or "")), ""]
    parts += [_MORE]
    stage = ""
    for function in (f for f in vars(hookspecs).values() if hasattr(f, "pacs_hook_kind")):
        assert hasattr(manager.hook, function.__name__)
        if (now := _stage(function)) != stage:
            stage = now
            parts += [f"## {stage[0].upper()}{stage[1:]}\n"]
        parts += [_hook(function)]
    return "\n".join(parts)


def _stage(function: Callable[..., object]) -> str:
    """The heading in hookspecs.py under which a hook stands: when in the life of an archive."""
    lines, _ = inspect.getsourcelines(inspect.getmodule(function) or function)
    before = "".join(lines[: inspect.getsourcelines(function)[1]])
    stages: list[str] = re.findall(r"^# --- (.+?) -+$", before, re.MULTILINE)
    return stages[-1]


def _hook(function: Callable[..., object]) -> str:
    """Heading, summary, a table of facts, then the docstring."""
    from pacs_framework.hookspecs import kind_of

    kind = kind_of(function).value
    when, failure, budget = _KINDS[kind]
    signature = inspect.signature(function)
    summary, _, rest = inspect.cleandoc(function.__doc__ or "").partition("\n\n")
    facts, rest = _facts(rest)
    rows = [
        ("kind", kind.upper()),
        ("called", _called(when, facts.get("Kind", ""))),
        ("thread", "any of the kernel's: do not count on the same one twice"),
        ("time allowed", f"`{budget}` of `[plugins.limits.NAME]`, {_seconds(budget)} by default"),
        ("an exception, or running over it", _markdown(facts.get("An exception", failure))),
        ("returns", f"`{signature.return_annotation}`"),
        ("used by", ", ".join(_users(function.__name__))),
        ("tested in", _test_of(function.__name__)),
    ]
    table = ["| | |", "|---|---|", *(f"| {name} | {_cell(fact)} |" for name, fact in rows)]
    heading = f"### {function.__name__}({', '.join(signature.parameters)})\n"
    return "\n".join([heading, _markdown(summary), "", *table, "", _terms(rest), ""])


def _facts(text: str) -> tuple[dict[str, str], str]:
    """What a docstring says of its kind and of exceptions, for the table; and the rest of it."""
    facts: dict[str, str] = {}
    for name in ("Kind", "An exception"):
        sentence = re.search(
            rf"^{name}:? (.+?)(?=^\w+: |^An exception|\Z)", text, re.MULTILINE | re.DOTALL
        )
        if sentence:
            facts[name] = " ".join(sentence[1].split()).rstrip(".")
            text = text.replace(sentence[0], "")
    return facts, text


def _called(when: str, kind: str) -> str:
    """``Kind: REGISTER; called by the command line only`` says more than the kind alone."""
    detail = kind.partition("; ")[2]
    if detail.startswith("called"):
        return _markdown(detail.removeprefix("called "))
    return _markdown("; ".join(filter(None, (when, detail))))


def _seconds(budget: str) -> str:
    from pacs_framework.config.settings import PluginLimits

    return f"{PluginLimits.model_fields[budget].default:g} s"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _users(hook: str) -> Iterator[str]:
    """The plugins of this repository that implement ``hook``, as links to their pages."""
    for source in sorted(ROOT.glob("plugins/*/src/*/plugin.py")):
        if f"def {hook}(" in source.read_text("utf-8"):
            name = source.parents[2].name
            yield f"[{name}](../../plugins/{name}/README.md)"


def _test_of(hook: str) -> str:
    if hook not in HOOK_TESTS:
        sys.exit(f"tools/hook_reference.py: name the test of {hook} in HOOK_TESTS")
    return f"[`{HOOK_TESTS[hook]}`](../../{HOOK_TESTS[hook]})"


def _markdown(text: str) -> str:
    """A docstring as Markdown: code marked once, a definition list as a list."""
    text = text.replace("``", "`")
    return re.sub(r"^(`[A-Z]+`)\n((?:    .+\n?)+)", _definition, text, flags=re.MULTILINE)


def _definition(found: re.Match[str]) -> str:
    return f"- **{found[1]}**: {' '.join(found[2].split())}\n"


def _terms(text: str) -> str:
    """``name: what it is`` at the start of a line becomes an item of a list."""
    lines = [
        re.sub(r"^(\w+): ", r"- **\1**: ", line) if re.match(r"^\w+: ", line) else line
        for line in _markdown(text).splitlines()
    ]
    items: list[str] = []
    for line in lines:
        items.append(line if line.startswith("- **") or not items or not line else f"  {line}")
    return "\n".join(items)
