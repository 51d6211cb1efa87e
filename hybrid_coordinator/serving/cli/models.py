"""ask: a model's answer at a terminal or in a pipe."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from hybrid_coordinator.domain.route import TaskType
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.cli.live import at_terminal, printable
from hybrid_coordinator.serving.cli.output import add_json_flag, print_json
from hybrid_coordinator.serving.client import Json, connected

_ABOUT = """\
Ask the model that this machine has for such work. A better one is asked where its answer is not
good enough. At a terminal the answer appears as it is written; in a pipe it comes when it is final.
"""
_STDIN = """\
what is asked, - to read it from stdin; what is piped in goes below it:
git diff | hybrid-coordinator ask "review this"
"""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    ask = commands.add_parser(
        "ask", help="ask a model; its answer appears as it is written", description=_ABOUT
    )
    ask.add_argument("prompt", metavar="PROMPT", help=_STDIN)
    ask.add_argument(
        "--mode",
        choices=("single", "ensemble", "reason"),
        help="one model, several at once, or one in steps",
    )
    ask.add_argument(
        "--file",
        action="append",
        metavar="FILE",
        help="a file of the project for the model to read; may be given again",
    )
    ask.add_argument("--system", metavar="TEXT", help="the model's standing instructions")
    ask.add_argument(
        "--schema", type=Path, metavar="FILE", help="a JSON schema that the answer must match"
    )
    ask.add_argument(
        "--max-tokens", type=int, metavar="N", help="of the answer, thinking included (1024)"
    )
    ask.add_argument(
        "--task-type",
        choices=[kind.value for kind in TaskType],
        metavar="TYPE",
        help="%(choices)s; worked out from the prompt if not given",
    )
    ask.add_argument("--quality-critical", action="store_true", help="use the best model there is")
    ask.add_argument("--remote", action="store_true", help="a remote model, if one is allowed")
    ask.add_argument("--no-context", action="store_true", help="do not add found context")
    add_json_flag(ask)
    ask.set_defaults(run=_ask)


def _ask(options: argparse.Namespace) -> int:
    arguments = _arguments(options)
    live = at_terminal()
    pieces = live.shows_text and not options.json
    with connected(Home.from_environment()) as client:
        try:
            answer = client.request(
                "hybrid/ask",
                {"arguments": arguments, "pieces": pieces},
                live.progress if live.shows_status else None,
                live.piece if pieces else None,
            )
        except BaseException:
            live.break_off()
            raise
    if options.json:
        live.clear()
        print_json(answer)
        return 0
    live.finish(answer["response"])
    _summary(answer)
    return 0


def _arguments(options: argparse.Namespace) -> Json:
    """The arguments of `ask_local_llm`; what was not given has the tool's own default."""
    given = {
        "mode": options.mode,
        "files": options.file,
        "system": options.system,
        "json_schema": None if options.schema is None else _schema(options.schema),
        "max_tokens": options.max_tokens,
        "task_type": options.task_type,
    }
    return {
        "prompt": _prompt(options.prompt),
        "use_context": not options.no_context,
        "quality_critical": options.quality_critical,
        "prefer_local": not options.remote,
        **{name: value for name, value in given.items() if value is not None},
    }


def _prompt(given: str) -> str:
    """What is asked: the argument, and below it what is piped in.

    Raises:
        InvalidArgumentError: neither holds anything.
    """
    # Without a descriptor 0 there is no stdin at all.
    stdin = None if sys.stdin is None or sys.stdin.isatty() else sys.stdin
    if given != "-":
        piped = "" if stdin is None else stdin.buffer.read().decode("utf-8", "replace")
        return f"{given}\n\n{piped}" if piped.strip() else given
    if stdin is None and sys.stdin is not None:
        print("reading the prompt from the terminal; Ctrl-D ends it", file=sys.stderr)
    text = "" if sys.stdin is None else sys.stdin.buffer.read().decode("utf-8", "replace")
    if not text.strip():
        raise InvalidArgumentError("PROMPT", "is empty; give it as an argument, or pipe it in")
    return text


def _schema(file: Path) -> Json:
    try:
        schema = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidArgumentError("--schema", f"{file} cannot be read: {error}") from error
    if not isinstance(schema, dict):
        raise InvalidArgumentError("--schema", f"{file} must hold a JSON object")
    return schema


def _summary(answer: Json) -> None:
    """Who answered and how, on stderr."""
    facts = [f"confidence {answer['confidence']:.2f}", f"{answer['tokens_out']} tokens"]
    if answer["tokens_per_second"]:
        facts.append(f"{answer['tokens_per_second']:.0f} tokens/s")
    if answer["cached"]:
        facts.append("from the cache")
    if answer["cost_usd"] is None:
        facts.append("at a price that is not known")
    elif answer["cost_usd"] > 0:
        facts.append(f"{answer['cost_usd']:.4f} USD")
    who = printable(f"{answer['model']} at {answer['endpoint']}")
    print(f"[{who}, {', '.join(facts)}]", file=sys.stderr)
    for notice in answer["notices"]:
        print(f"note: {printable(notice)}", file=sys.stderr)
