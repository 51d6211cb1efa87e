"""Turns that teach nothing: which prompts are the client's own, and which ask for nothing new."""

from __future__ import annotations

import re

from hybrid_coordinator.domain.injected import without_injected
from hybrid_coordinator.domain.turns import Turn

_NOISE = re.compile(
    r"<(?P<tag>system-reminder|ide_opened_file|ide_selection|ide_diagnostics|user-prompt-submit-hook"
    r"|session-start-hook|new-diagnostics|local-command-caveat)\b[^>]{0,1000}+>.*?(?:</(?P=tag)>|\Z)",
    re.DOTALL,
)
"""What a client adds to a prompt, or puts in the place of one."""

_COMMAND = re.compile(r"/[A-Za-z][\w:-]*(\s|$)|\s*<command-(name|message|args)>")
_OUTPUT = re.compile(
    r"\s*(<(local-command-std(out|err)|bash-(input|stdout|stderr)|task-notification"
    r"|teammate-message|agent-notification)\b|Caveat: The messages below were generated"
    r"|This session is being continued from a previous conversation)"
)
INTERRUPTION = re.compile(r"\[Request interrupted by user( for tool use)?\]")
_GO_ON = frozenset(
    {
        *("continue", "go on", "go ahead", "go", "please continue", "continue please", "proceed"),
        *("keep going", "please proceed", "next", "resume", "retry", "try again", "k", "y", "n"),
        *("yes", "yep", "yeah", "yes please", "ok", "okay", "sure", "do it", "yes do it", "no"),
        *("ok do it", "ok go ahead", "yes go ahead", "nope", "1", "2", "3", "4"),
        *("weiter", "mach weiter", "ja", "ja bitte", "nein", "oui", "vas-y", "non", "ga door"),
        *("sí", "si", "sim", "sì", "continúa", "continua", "sigue", "adelante", "prossiga"),
        *("avanti", "procedi", "verder", "kontynuuj", "tak", "dalej", "fortsätt", "продолжай"),
        *("да", "дальше", "продолжить", "继续", "是", "好", "好的", "可以", "是的", "続けて"),
        *("続けてください", "はい", "계속", "계속해", "네"),
    }
)


GO_ON = "only told to go on"
"""Why a turn is skipped whose prompt asks for nothing new, where there is none to go on with."""


def own_prompt(prompt: str) -> str:
    """``prompt`` without what the client and this program put into it."""
    return without_injected(_NOISE.sub("", prompt)).strip()


def is_clients_own(prompt: str) -> bool:
    """Whether a prompt is a message of the client's: what a command printed, what became of work
    in the background, or a summary of what went before."""
    return _OUTPUT.match(own_prompt(prompt)) is not None


def only_goes_on(prompt: str) -> bool:
    """Whether a prompt says no more than that what was begun is to be gone on with."""
    return own_prompt(prompt).strip(" .!,…\u3002").casefold() in _GO_ON


def reason_to_skip(turn: Turn) -> str | None:
    """Why a turn is not worth recording; None if it is."""
    prompt = own_prompt(turn.prompt)
    if not prompt:
        return "no words of the user's"
    if is_clients_own(prompt):
        return "the client's own message"
    if _COMMAND.match(prompt):
        return "slash command"
    if INTERRUPTION.fullmatch(prompt):
        return "interruption"
    if only_goes_on(prompt):
        return GO_ON
    if not without_injected(turn.response).strip():
        return "broken off without an answer" if turn.interrupted else "no answer"
    return None
