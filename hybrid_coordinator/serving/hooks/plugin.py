"""The Claude Code plugin of this installation: its files, with absolute paths in them.

Formats: https://code.claude.com/docs/en/plugins-reference and .../hooks. A directory with a
marketplace in it, which the user's settings name, is all that Claude Code needs. Nothing is
fetched.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

from hybrid_coordinator import __version__
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.home import Home

MARKETPLACE = "hybrid-coordinator"
PLUGIN = "hybrid-coordinator"
PLUGIN_ID = f"{PLUGIN}@{MARKETPLACE}"

WAIT_SECONDS = 0.028
"""How long a hook waits for the coordinator, of the 50 ms that it has; the start of Python and an
inbox on a slow disk need the rest."""

_DATA = Path(__file__).with_name("plugin")
_PLACES = {
    "marketplace.json": ".claude-plugin/marketplace.json",
    "plugin.json": "plugin/.claude-plugin/plugin.json",
    "hooks.json": "plugin/hooks/hooks.json",
    "mcp.json": "plugin/.mcp.json",
}


def plugin_files(home: Home, python: str, server: Sequence[str]) -> dict[str, bytes]:
    """The files of the plugin and of the marketplace around it, by path below `plugin_dir`.

    Args:
        python: the interpreter that hooks are run with.
        server: the command of the MCP server.
    """
    program = Path(__file__).with_name("hook.py")
    words: Mapping[str, JsonValue] = {
        "version": __version__,
        "seconds": str(WAIT_SECONDS),
        # -I and -S: nothing of the project that is worked on is loaded, and Python starts quickly.
        "hook": shlex.join([python, "-I", "-S", str(program), str(home.root)]),
        "home": str(home.root),
        "server": server[0],
        "arguments": list(server[1:]),
    }
    files = {"plugin/README.md": (_DATA / "README.md").read_bytes()}
    for name, place in _PLACES.items():
        content = _filled(json.loads((_DATA / name).read_text(encoding="utf-8")), words)
        text = json.dumps(content, indent=2, ensure_ascii=False)
        files[place] = text.encode("utf-8", "surrogateescape") + b"\n"
    return dict(sorted(files.items()))


def plugin_dir(home: Home) -> Path:
    """Where the plugin is written."""
    return home.root / "claude-code" / "marketplace"


def settings_entries(home: Home) -> dict[tuple[str, str], JsonValue]:
    """What Claude Code's settings have to say for it to load the plugin, by section and key."""
    source: JsonValue = {"source": {"source": "directory", "path": str(plugin_dir(home))}}
    return {
        ("extraKnownMarketplaces", MARKETPLACE): source,
        ("enabledPlugins", PLUGIN_ID): True,
    }


def _filled(value: JsonValue, words: Mapping[str, JsonValue]) -> JsonValue:
    """``value`` with ``${word}`` in strings replaced; a string that is nothing else becomes what
    the word stands for."""
    if isinstance(value, dict):
        return {name: _filled(each, words) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, words) for each in value]
    if not isinstance(value, str):
        return value
    whole = words.get(value[2:-1]) if value.startswith("${") and value.endswith("}") else None
    return Template(value).substitute(words) if whole is None else whole
