"""Write the generated pages of docs/reference from the code, or check that they are fresh.

    python tools/reference.py [--check]

hooks.md from the docstrings of the hook specifications, api.md from those of the public names,
configuration.md from the models of all sections, commands.md from ``--help``, plugins.md from what
is installed, conformance.md from the services of our plugins.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from api_reference import api
from hook_reference import NOTE, hooks

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
_OUR_PLUGINS = sorted(ROOT.glob("plugins/*/pyproject.toml"))


def configuration() -> str:
    """The commented TOML of ``pacs config``."""
    from pacs_framework.config import PluginsSettings, render_config
    from pacs_framework.plugins import load_plugins

    ours = {
        path.parent.name.removeprefix("pacs-") for path in ROOT.glob("plugins/*/pyproject.toml")
    }
    models = load_plugins(PluginsSettings()).config_models()
    text = render_config({name: models[name] for name in sorted(ours & models.keys())})
    return f"# Configuration\n\n{NOTE}\n{_CONFIGURATION}\n```toml\n{text}```\n"


_CONFIGURATION = """\
One TOML file (`--config FILE` or `PACS_CONFIG`) and environment variables: `PACS_` and the section
and key in upper case with two underscores between them (`PACS_NETWORK__PORT=104`,
`PACS_PLUGIN__STORE__ACCEPT='["CT"]'`). The command line wins over the environment, the environment
over the file. An unknown key or section stops the start and names the nearest known one; `pacs
check --config FILE` does only that. This is what `pacs config` prints:
"""


def commands() -> str:
    """``--help`` of every command, those of groups included."""
    from pacs_framework.cli.main import main

    parts = ["# Commands\n", NOTE]
    # As on the command line: the names of its help option are a setting of the group.
    with click.Context(main, info_name="pacs", **main.context_settings) as top:
        parts += [_help(main, top), *_below(main, top)]
    return "\n".join(parts)


def _below(group: click.Group, above: click.Context) -> Iterator[str]:
    for name in group.list_commands(above):
        command = group.get_command(above, name)
        assert command is not None, name
        with click.Context(command, info_name=name, parent=above) as context:
            yield f"## {context.command_path}\n"
            yield _help(command, context)
            if isinstance(command, click.Group):
                yield from _below(command, context)


def _help(command: click.Command, context: click.Context) -> str:
    context.terminal_width = context.max_content_width = 100
    # click keeps the one of the first context that asked, which in a test may have had other names.
    command._help_option = None  # noqa: SLF001 - there is no public way
    return f"```\n{command.get_help(context)}\n```\n"


def plugins() -> str:
    """One row for each plugin of this repository."""
    import importlib_metadata

    rows = ["| plugin | version | what it does | hooks |", "|---|---|---|---|"]
    for path in _OUR_PLUGINS:
        name = path.parent.name
        facts = importlib_metadata.metadata(name)
        page = f"../../plugins/{name}/README.md"
        summary = facts["Summary"].removesuffix(" (plugin of pacs-framework)")
        hooks_of = ", ".join(f"`{hook}`" for hook in _hooks_of(path.parent))
        rows.append(f"| [{name}]({page}) | {facts['Version']} | {summary} | {hooks_of} |")
    return "\n".join(["# Plugins of this repository\n", NOTE, *rows, ""])


def _hooks_of(project: Path) -> Iterator[str]:
    """The hooks that a plugin implements, in the order of the specifications."""
    from pacs_framework import hookspecs

    source = "".join(file.read_text("utf-8") for file in project.glob("src/*/plugin.py"))
    for name, function in vars(hookspecs).items():
        if hasattr(function, "pacs_hook_kind") and f"def {name}(" in source:
            yield name


def conformance() -> str:
    """The statement of an installation with all plugins of this repository and the defaults."""
    from pacs_framework.app import configure
    from pacs_framework.cli.conformance import rendered, statement_of

    ours = [path.parent.name.removeprefix("pacs-") for path in _OUR_PLUGINS]
    configured = configure(None, {"plugins": {"allow": ours}})
    title, _, text = rendered(statement_of(configured), "markdown").partition("\n")
    return f"{title}\n\n{NOTE}{text}"


PAGES = {
    "hooks.md": hooks,
    "configuration.md": configuration,
    "commands.md": commands,
    "plugins.md": plugins,
    "conformance.md": conformance,
    "api.md": api,
}


def stale() -> Iterator[str]:
    """The names of the pages whose file is not what the code says."""
    for name, page in PAGES.items():
        file = REFERENCE / name
        if not file.exists() or file.read_text("utf-8") != page():
            yield name


def main(arguments: list[str]) -> None:
    """Write all pages, or with ``--check`` name those that are stale and exit 1."""
    os.environ.pop("PACS_CONFIG", None)
    if arguments == ["--check"]:
        names = list(stale())
        sys.exit(f"stale: {', '.join(names)}; run `make docs`" if names else 0)
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), "utf-8")
        print(f"docs/reference/{name}")


if __name__ == "__main__":
    main(sys.argv[1:])
