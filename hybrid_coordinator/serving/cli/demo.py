"""demo: the main job on real input, through a real MCP stdio client, in a throw-away home."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from mcp.client.session import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client

from hybrid_coordinator.serving.cli.checkup import server_command
from hybrid_coordinator.settings import environment_names

Json = dict[str, Any]
"""A JSON object at the protocol's edge."""

_SOURCE = Path(__file__).resolve().parents[2]
_QUESTION = "Where is the value score of an interaction computed, and how are its parts weighted?"
_ANSWER = (
    "It is a pure function in hybrid_coordinator/domain/value.py.\n\n"
    "1. Read the weights in `domain/value.py`.\n"
    "2. Checked with `python -m pytest tests/domain/test_value.py` (exit code 0).\n\n"
    "```python\n"
    "score = value_score(components)\n"
    "assert 0.0 <= score <= 1.0\n"
    "```\n"
)
_NEXT_QUESTION = "How does the value score weight its parts when an interaction succeeds?"
_LOCAL_JOB = "Summarise in one sentence what a value score is for."


def run() -> int:
    """Run the demo. Returns 0 when every step worked."""
    with tempfile.TemporaryDirectory(prefix="hybrid-demo-") as home:
        environment = environment_of(home)
        try:
            asyncio.run(_loop(environment, Path(home)))
        finally:
            subprocess.run(
                [sys.executable, "-m", "hybrid_coordinator.serving.cli", "stop"],
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
            )
    print("\nStopped; nothing is left running. To give it to Claude Code:")
    print(f"  claude mcp add hybrid-coordinator -- {shlex.join(server_command())}")
    return 0


def environment_of(home: str) -> dict[str, str]:
    """Ours, without the user's engines: what the demo writes must go with its home."""
    engines = {
        name
        for name, (section, _) in environment_names().items()
        if section in ("storage", "embedding")
    }
    kept = {name: value for name, value in os.environ.items() if name not in engines}
    return kept | {"HYBRID_HOME": home}


async def _loop(environment: dict[str, str], home: Path) -> None:
    command, *arguments = server_command()
    server = StdioServerParameters(
        command=command, args=arguments, env=environment, cwd=_SOURCE.parent
    )
    started = time.perf_counter()
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        print(f"MCP handshake with a cold start: {_ms(started)}")
        await _show_loop(session, home)


async def _show_loop(session: ClientSession, home: Path) -> None:
    started = time.perf_counter()
    report = await _call(session, "index_codebase", {"path": str(_SOURCE)})
    print(
        f"\n1. index_codebase {_SOURCE.name}/: {report['files']} files, {report['chunks']} chunks, "
        f"{_ms(started)}"
    )

    started = time.perf_counter()
    context = await _call(session, "augment_query", {"query": _QUESTION})
    print(f'\n2. augment_query "{_QUESTION}": {context["tokens"]} tokens, {_ms(started)}')
    _show_items(context["codebase_context"])

    tracked = await _call(
        session,
        "track_interaction",
        {
            "query": _QUESTION,
            "response": _ANSWER,
            "agent_type": "remote",
            "model_used": "demo-agent",
            "context_ids": context["context_ids"],
            "tokens_used": 900,
        },
    )
    print(f"\n3. track_interaction: {tracked['interaction_id']}")

    outcome = await _call(
        session,
        "update_outcome",
        {
            "interaction_id": tracked["interaction_id"],
            "outcome": "success",
            "evidence": "pytest tests/domain/test_value.py, exit code 0",
        },
    )
    parts = ", ".join(f"{name} {value:.2f}" for name, value in outcome["components"].items())
    worth = "high value" if outcome["high_value"] else "not high value"
    print(
        f"\n4. update_outcome success: value score {outcome['value_score']:.2f} ({worth}: {parts})"
    )

    learned = await _call(session, "augment_query", {"query": _NEXT_QUESTION})
    print(f'\n5. augment_query "{_NEXT_QUESTION}" brings back what was learned:')
    _show_items(learned["interaction_history"])

    await _ask(session)

    data = await _call(
        session,
        "generate_training_data",
        {"min_value": 0.5, "output_dir": str(home / "dataset")},
    )
    print(f"\n7. generate_training_data: {data['counts']} examples")
    written = next(Path(path) for name, path in data["paths"].items() if data["counts"][name])
    print(f"   {written.name}: {written.read_text()[:110]}...")


async def _ask(session: ClientSession) -> None:
    result = await session.call_tool("ask_local_llm", {"prompt": _LOCAL_JOB, "max_tokens": 200})
    text = "\n".join(getattr(part, "text", "") for part in result.content)
    if result.is_error:
        print("\n6. ask_local_llm: no local model answers here, and it says so:")
        print("   " + text.replace("\n", "\n   "))
        return
    answer: Json = result.structured_content or {}
    print(
        f"\n6. ask_local_llm: {answer['model']}, confidence {answer['confidence']:.2f}, "
        f"{answer['tokens_out']} tokens"
    )
    print(f"   {answer['response'][:300]}")


async def _call(session: ClientSession, name: str, arguments: Json) -> Json:
    result = await session.call_tool(name, arguments)
    if result.is_error or result.structured_content is None:
        raise SystemExit(f"{name} failed: {result.content}")
    content: Json = result.structured_content
    return content


def _show_items(items: list[Json]) -> None:
    for item in items[:3]:
        print(f"   {item['source']}  {item['title']}")
        print(f"      {item['why']}")
    if not items:
        raise SystemExit("nothing came back")


def _ms(started: float) -> str:
    return f"{(time.perf_counter() - started) * 1000:.0f} ms"
