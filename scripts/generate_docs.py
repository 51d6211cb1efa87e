#!/usr/bin/env python3
"""Write docs/tools.md, docs/prompts.md, docs/cli.md, docs/settings.md, docs/rules.md and
docs/metrics.md from the code.

Usage: .venv/bin/python scripts/generate_docs.py [--check]

With --check nothing is written, and the exit status is 1 where a page is not what the code says.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hybrid_coordinator.domain.metrics import METRICS, Source
from hybrid_coordinator.routing.rules.facts import FACTS
from hybrid_coordinator.routing.rules.store import preset_file
from hybrid_coordinator.serving.cli import build_parser
from hybrid_coordinator.serving.mcp.contract import TOOLS
from hybrid_coordinator.serving.mcp.results import ITEM_FIELDS
from hybrid_coordinator.settings import Settings, environment_names
from hybrid_coordinator.templating import templates, voices

DOCS = Path(__file__).resolve().parents[1] / "docs"
_NOTE = "<!-- Written by scripts/generate_docs.py from the code; edit the code. -->\n"


def tools_page() -> str:
    """The tools with every parameter and bound."""
    lines = ["# Tools", "", _NOTE, "What an MCP client can call. Bad values are errors that name"]
    lines[-1] += " the field and what is allowed. Results are structured content."
    for tool in TOOLS.values():
        writes = "Writes; may destroy." if tool.destructive else "Writes; destroys nothing."
        hint = "Reads only." if tool.read_only else writes
        lines += ["", f"## `{tool.name}`", "", f"{tool.description} {hint}", ""]
        lines += ["| parameter | type | default | bounds |", "| --- | --- | --- | --- |"]
        schema = tool.arguments.model_json_schema()
        required = schema.get("required", [])
        for name, value in schema["properties"].items():
            kind, bounds = _type_and_bounds(tool.arguments, name, value)
            default = "required" if name in required else _default(value)
            lines.append(f"| `{name}` | {kind} | {default} | {bounds} |")
        result = {**tool.result, **tool.unlisted}
        fields = ", ".join(f"`{name}` ({_nullable(kind)})" for name, kind in result.items())
        lines += ["", f"Result: {fields}."]
    item = ", ".join(f"`{name}`" for name in ITEM_FIELDS)
    lines += ["", "## Items", "", f"Every item of a result has: {item}. `success_rate` is null"]
    lines[-1] += " until an interaction that showed the item has an outcome."
    return "\n".join(lines) + "\n"


def _nullable(kind: str) -> str:
    return f"{kind.rstrip('?')} or null" if kind.endswith("?") else kind


def _default(schema: dict[str, Any]) -> str:
    default = schema.get("default")
    return "" if default in (None, [], {}) else f"`{default}`".lower()


_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "over {}",
    "minLength": "{}+ characters",
    "maxLength": "at most {} characters",
    "maxItems": "at most {} of them",
}


def _type_and_bounds(model: type[BaseModel], name: str, schema: dict[str, Any]) -> tuple[str, str]:
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            schema = choice
    bounds = [text.format(schema[key]) for key, text in _BOUNDS.items() if key in schema]
    allowed = schema.get("enum") or schema.get("items", {}).get("enum") or _literal(model, name)
    if schema.get("const") is not None:
        allowed = [schema["const"]]
    if allowed:
        bounds.append("one of " + ", ".join(f"`{value}`" for value in allowed))
    kind = schema.get("type", "string")
    return kind, "; ".join(bounds)


def _literal(model: type[BaseModel], name: str) -> list[str]:
    """Allowed values that the tool list leaves out to stay short."""
    from typing import get_args

    pending, values = [model.model_fields[name].annotation], []
    while pending:
        for part in get_args(pending.pop()):
            if isinstance(part, str):
                values.append(part)
            elif get_args(part):
                pending.append(part)
    return values


def cli_page() -> str:
    """The help of every command."""
    import os

    os.environ["COLUMNS"] = "88"  # argparse wraps to the terminal
    parser = build_parser()
    lines = ["# Commands", "", _NOTE, "```text", parser.format_help().rstrip(), "```"]
    for name, command in _commands(parser):
        lines += ["", f"## `{name}`", "", "```text", command.format_help().rstrip(), "```"]
    return "\n".join(lines) + "\n"


def _commands(
    parser: argparse.ArgumentParser,
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to list them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for name, command in action.choices.items():
                yield name, command
                for kind, nested in _commands(command):
                    yield f"{name} {kind}", nested


def settings_page() -> str:
    """Every key of hybrid.yaml with its variables."""
    variables: dict[tuple[str, str], list[str]] = {}
    for variable, place in environment_names().items():
        variables.setdefault(place, []).append(f"`{variable}`")
    lines = [
        "# Settings",
        "",
        _NOTE,
        "`hybrid.yaml` in the home (`HYBRID_HOME`, by default",
        "`~/.local/share/hybrid-coordinator`). Every key can be set by the environment, it wins;",
        "lists are comma-separated there, tables are YAML. Passwords and keys can be in files:",
        "`DATABASE_URL_FILE` names the file that holds `DATABASE_URL`, and so for every other one.",
        "Unknown keys are errors. A bad edit keeps the settings in force and is named in",
        "`notices`; a change of engines waits for the next start. The file may be a link, that",
        "of several homes to the same one. All sessions share one coordinator, and it has the",
        "environment of the one that started it.",
    ]
    for section, info in Settings.model_fields.items():
        lines += ["", f"## `{section}`", "", inspect.getdoc(type(info.default)) or "", ""]
        lines += ["| key | default | variables |", "| --- | --- | --- |"]
        for key, field in type(info.default).model_fields.items():
            default = (
                ", ".join(field.default) if isinstance(field.default, tuple) else field.default
            )
            shown = "" if default is None or default in ("", {}) else f"`{default}`"
            lines.append(f"| `{key}` | {shown} | {', '.join(variables[section, key])} |")
    return "\n".join(lines) + "\n"


def prompts_page() -> str:
    """The workflow templates and the voices of an ensemble."""
    lines = [
        "# Prompts",
        "",
        _NOTE,
        "Workflow templates, as MCP prompts. In Claude Code: `/mcp__hybrid-coordinator__debugging",
        "the total is off by a cent`; what is typed behind the name becomes the first argument.",
        "Missing and unknown arguments are errors that name them. Material is put into a fence.",
    ]
    for template in templates():
        lines += ["", f"## `{template.name}`", "", f"{template.description}."]
        lines[-1] += f" Task type: {template.task_type}. Version {template.version}."
        lines += ["", "| argument | | what |", "| --- | --- | --- |"]
        for argument in template.arguments:
            kind = "required" if argument.required else "optional"
            kind += ", material" if argument.material else ""
            lines.append(f"| `{argument.name}` | {kind} | {argument.description} |")
    lines += [
        *("", "## Voices", "", "Where one model answers an `ensemble` alone, it does so in up to"),
        "three of these, the first that fit the task.",
        *("", "| voice | task types | what it is told |", "| --- | --- | --- |"),
    ]
    for voice in voices():
        kinds = ", ".join(sorted(voice.task_types))
        lines.append(f"| {voice.name} | {kinds} | {' '.join(voice.system.split())} |")
    return "\n".join(lines) + "\n"


_RULES_INTRODUCTION = """\
Which tier, or which model, takes a task: `rules.yaml` beside `hybrid.yaml`. The first rule whose
condition holds decides; where none does, the complexity: simple goes to LOCAL_FAST, moderate to
LOCAL_QUALITY, complex to API_FALLBACK. Without the file a preset for strong or weak machines
holds (`routing.preset`; by default the one that fits this machine); with it, the preset says
`quality_billions` at most. `quality_critical` and `prefer_local=false` go before any rule.

```yaml
quality_billions: 7   # from this size on, in billions of parameters, a model is LOCAL_QUALITY
rules:                # a file that is only a list of rules will do, too
  - condition: '"security" in keywords and remote_ready'
    target: API_FALLBACK
    confidence: 0.9
    description: worth its money
  - condition: task_type in ["template", "edit"] and tokens < 2000
    target: "model: qwen2.5-coder:7b"
```

A condition compares facts with values (`==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `not in`), joined by
`and`, `or`, `not`; there is nothing else in the language. A target is a tier or `model: NAME`
(`model: anthropic/NAME` for a remote one);
`confidence` (0-1, default 1) and `description` are shown with the decision. The file is read again
when it changes. What is off in it, by line, stands in `notices`, and the rules from before hold on.

Whatever the target, the other tiers follow it: first the stronger ones, then the weaker ones.
Recorded checks and outcomes order the models within a tier (`routing.learn`). A tier that keeps
failing at a kind of task is left for a stronger one; a weaker one that has proven itself takes
over, but never against a rule.
"""


def rules_page() -> str:
    """What a rule may say, and the presets."""
    lines = ["# Rules", "", _NOTE, _RULES_INTRODUCTION]
    lines += ["| fact | type | meaning |", "| --- | --- | --- |"]
    for name, fact in FACTS.items():
        values = ", ".join(f"`{value}`" for value in fact.allowed)
        meaning = f"{fact.meaning}: {values}" if values else fact.meaning
        lines.append(f"| `{name}` | {fact.kind} | {meaning} |")
    for preset in ("strong", "weak"):
        text = preset_file(preset).read_text(encoding="utf-8").rstrip()
        lines += ["", f"## Preset `{preset}`", "", "```yaml", text, "```"]
    return "\n".join(lines) + "\n"


def metrics_page() -> str:
    """Every family of `/metrics`."""
    lines = ["# Metrics", "", _NOTE, *_METRICS_SAID]
    for source, about in _METRICS_SOURCES.items():
        lines += ["", about, "", "| metric | type | labels | what it says |"]
        lines += ["| --- | --- | --- | --- |"]
        for metric in (one for one in METRICS if one.source is source):
            labels = ", ".join(f"`{label}`" for label in metric.labels)
            lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |")
    return "\n".join([*lines, "", *_TRACES_SAID]) + "\n"


_TRACES_SAID = (
    "# Traces",
    "",
    "With `telemetry.otlp_endpoint` (or `OTEL_EXPORTER_OTLP_ENDPOINT`) set, and the extra `otel`",
    "installed, spans go to that OpenTelemetry collector by OTLP over HTTP. A client's own trace",
    "goes on where it sends a `traceparent` in `_meta`. No span has a question, an answer or an",
    "error's message.",
    "",
    "| span | what it says |",
    "| --- | --- |",
    "| `tools/call NAME`, and other MCP requests | by the MCP SDK: method, tool, kind of error |",
    "| `retrieve` | how many collections were asked, how many items and notices came |",
    "| `chat MODEL` | one call of a model: endpoint, tokens in and out (GenAI conventions) |",
    "| `job KIND` | one try of a job: its number, and the how manyeth try it is |",
)
_METRICS_SAID = (
    "`/metrics` of any listener of the coordinator, in Prometheus' text format. On a listener that",
    "asks for tokens it takes one of scope `read` that is for every project. A scrape never waits",
    "for the record, but for the first one: what is read of it is read behind scrapes, once in 15",
    "seconds at most, and `hybrid_record_age_seconds` says how long ago that was. Beside these are",
    "`process_...`: the coordinator's memory, processor time and open files.",
)
_METRICS_SOURCES = {
    Source.PROCESS: "## Of this process, since it started\n\nAdd them up over coordinators.",
    Source.RECORD: "## Of the record\n\nCoordinators on one database tell the same: take `max` "
    "over them, not `sum`. They are gauges, since deletions and changed outcomes take back. "
    "Dashboard, `stats` and MCP resources show the same numbers.",
}

PAGES = {
    "tools.md": tools_page,
    "prompts.md": prompts_page,
    "cli.md": cli_page,
    "settings.md": settings_page,
    "rules.md": rules_page,
    "metrics.md": metrics_page,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = [name for name, page in PAGES.items() if _read(name) != page()]
    for name in stale:
        if check:
            print(f"docs/{name} is not what the code says: run scripts/generate_docs.py")
        else:
            (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
            print(f"wrote docs/{name}")
    return 1 if check and stale else 0


def _read(name: str) -> str:
    file = DOCS / name
    return file.read_text(encoding="utf-8") if file.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
