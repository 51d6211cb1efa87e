"""How a turn went, inferred from what was seen: checks, commits, errors, and the user's next words.

Each sign is in log-odds of success, as if it were independent of the others; they are added, and
the sum is a success or a failure where it is clear enough. Checks that passed beside checks that
failed make a partial success, unless the user says otherwise. Nothing that the model says about
itself is a sign. The weights are judgement, not fitted; ``benchmarks.learning`` measures them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.checks_run import Check, CheckKind, checks_of, last_runs
from hybrid_coordinator.domain.commits import kept_or_undone
from hybrid_coordinator.domain.error_signatures import ErrorSignature, signatures
from hybrid_coordinator.domain.interactions import Outcome, OutcomeKind, OutcomeSource
from hybrid_coordinator.domain.turns import ActionKind, Turn
from hybrid_coordinator.learning.sessions.user_words import DOUBT, GOES_ON, verdict

LATER_TURNS = 5
"""Turns after one that can say something about it."""

_ENOUGH = 0.8
"""Log-odds from which an outcome is set: a confidence of 0.69."""

_MOST = 3.5
"""Log-odds that no evidence exceeds: a confidence of 0.97."""

_PASSED = {CheckKind.TEST: 2.2, CheckKind.BUILD: 1.1, CheckKind.LINT: 0.7}
_FAILED = {CheckKind.TEST: -2.2, CheckKind.BUILD: -1.7, CheckKind.LINT: -1.2}
_FIXED = 0.6
"""A check that failed before and passes now says more than one that always passed."""
_NOT_OF_THE_CHANGE = 0.3
"""The share that counts of a check that ran before the last edit, or with no edit at all."""
_OF_THE_NEXT_TURN = 0.8
"""The share that counts of a check that the next turn ran before it changed anything."""
_MORE_OF_THE_SAME = 0.25
"""The share that further checks that say the same add to the strongest one."""

_KEPT, _COMMITTED, _UNDONE = 1.0, 0.5, -3.6
_ERROR_BACK, _ERROR_GONE = -1.6, 0.9
_ASKED_AGAIN = -0.9
_INTERRUPTED = -0.9
_REFUSED = -0.7
_CHECKS = frozenset(kind.value for kind in CheckKind)
_DECIDES = frozenset({"praise", "correction", "undone"})
"""Signs that say how the whole went, whichever checks passed."""
_MIXED = 0.7
"""Log-odds on either side from which passed and failed checks make a partial success."""

_WANTS_FAILURE = re.compile(
    r"\b(failing|red|broken) (unit )?tests?\b.{0,40}\b(first|that|which|to|for)\b"
    r"|\b(write|add|create) an? failing|\breproduc(e|es|ing|tion)\b",
    re.IGNORECASE,
)
_READ = 20_000
"""Characters of a prompt or an output that are looked through for errors."""

_REFUSAL = "The user doesn't want to proceed with this tool use"


@dataclass(frozen=True, slots=True)
class Sign:
    """One piece of evidence: its name, its weight in log-odds of success, and what was seen.
    ``feedback`` is -1 or 1 where the user's words were as clear as a thumb."""

    name: str
    weight: float
    seen: str
    feedback: int = 0


def infer(turn: Turn, later: Sequence[Turn]) -> Outcome | None:
    """How ``turn`` went by its own steps and the turns of its session after it, oldest first;
    None where nothing was seen that tells."""
    signs = sorted(signs_of(turn, later), key=lambda sign: -abs(sign.weight))
    checks = [sign.weight for sign in signs if sign.name in _CHECKS]
    passed = sum(weight for weight in checks if weight > 0)
    failed = -sum(weight for weight in checks if weight < 0)
    total = sum(sign.weight for sign in signs)
    if min(passed, failed) >= _MIXED and not any(sign.name in _DECIDES for sign in signs):
        kind, weight = OutcomeKind.PARTIAL, min(passed, failed)
    elif abs(total) >= _ENOUGH:
        kind = OutcomeKind.SUCCESS if total > 0 else OutcomeKind.FAILURE
        weight = abs(total)
    else:
        return None
    return Outcome(
        kind,
        sum(sign.feedback for sign in signs),
        "; ".join(sign.seen for sign in signs),
        OutcomeSource.INFERRED,
        confidence(weight),
    )


def signs_of(turn: Turn, later: Sequence[Turn]) -> list[Sign]:
    """Every sign that `infer` weighs."""
    following = _following(turn, later)
    return [
        *_check_signs(turn, following),
        *_user_signs(turn, following),
        *_fate_signs(turn, following),
    ]


def _following(turn: Turn, later: Sequence[Turn]) -> list[Turn]:
    """The turns that can say something about ``turn``. A subagent is asked by a model, whose
    words are no evidence."""
    if turn.agent is not None:
        return []
    return [each for each in later if each.agent is None][:LATER_TURNS]


def confidence(weight: float) -> float:
    """Log-odds as a probability in 0-1, to two digits."""
    return round(1 / (1 + math.exp(-min(abs(weight), _MOST))), 2)


def _check_signs(turn: Turn, later: Sequence[Turn]) -> list[Sign]:
    runs, edited = last_runs(checks_of(turn.actions)), _last_edit(turn)
    own = _weighed(turn, runs)
    if edited is not None and later:
        tested = any(run.kind is CheckKind.TEST and run.position > edited for run, _ in runs)
        own += [] if tested else _of_the_next(later[0])
    return [*_diminishing(own, positive=True), *_diminishing(own, positive=False)]


def _weighed(turn: Turn, runs: Sequence[tuple[Check, bool]]) -> list[Sign]:
    wants_failure = _WANTS_FAILURE.search(turn.prompt) is not None
    edited = _last_edit(turn)
    signs = []
    for check, failed_before in runs:
        if not check.passed and wants_failure:
            continue
        weight = (_PASSED if check.passed else _FAILED)[check.kind]
        if check.passed and failed_before:
            weight += _FIXED
        if edited is None or check.position < edited:
            weight *= _NOT_OF_THE_CHANGE
        signs.append(Sign(check.kind.value, weight, _told(check, failed_before)))
    return signs


def _of_the_next(after: Turn) -> list[Sign]:
    """What the next turn's checks say, as far as they ran before it changed anything."""
    first_edit = next(
        (n for n, each in enumerate(after.actions) if each.kind is ActionKind.EDIT and each.ok),
        len(after.actions),
    )
    runs = last_runs([one for one in checks_of(after.actions) if one.position < first_edit])
    table = {True: _PASSED, False: _FAILED}
    return [
        Sign(
            check.kind.value,
            table[bool(check.passed)][check.kind] * _OF_THE_NEXT_TURN,
            f"in the next turn {_told(check, failed_before=False)}",
        )
        for check, _ in runs
    ]


def _diminishing(signs: Sequence[Sign], *, positive: bool) -> list[Sign]:
    """The signs of one side: the strongest whole, further ones by a share, as they mostly look at
    the same thing."""
    side = sorted(
        (sign for sign in signs if (sign.weight > 0) is positive),
        key=lambda sign: -abs(sign.weight),
    )
    return [
        sign
        if place == 0
        else Sign(sign.name, round(sign.weight * _MORE_OF_THE_SAME, 3), sign.seen)
        for place, sign in enumerate(side)
    ]


def _told(check: Check, failed_before: bool) -> str:
    how = "passed" if check.passed else "failed"
    code = "" if check.exit_code is None else f", exit code {check.exit_code}"
    before = " after failing" if check.passed and failed_before else ""
    command = " ".join(check.command.split())
    return f"`{command[:80]}` {how}{before}{code}"


def _last_edit(turn: Turn) -> int | None:
    edits = [n for n, each in enumerate(turn.actions) if each.kind is ActionKind.EDIT and each.ok]
    return edits[-1] if edits else None


def _user_signs(turn: Turn, later: Sequence[Turn]) -> list[Sign]:
    """What the user did and said about the answer."""
    signs = []
    if turn.interrupted:
        signs.append(Sign("interrupted", _INTERRUPTED, "the user broke it off"))
    if any(_REFUSAL in each.detail for each in turn.actions):
        signs.append(Sign("refused", _REFUSED, "the user refused one of its steps"))
    if not later:
        return signs
    if _same_request(turn.prompt, later[0].prompt):
        signs.append(Sign("asked again", _ASKED_AGAIN, "the user asked for the same again"))
        return signs
    said = verdict(later[0].prompt)
    if said is not None and (said.weight not in (DOUBT, GOES_ON) or not _conversation(turn)):
        name = {1: "praise", -1: "correction"}.get(said.feedback, "words")
        seen = f"the user went on with {said.words}"
        signs.append(Sign(name, said.weight, seen, said.feedback))
    return signs


def _conversation(turn: Turn) -> bool:
    """Whether a "no" or an "ok" behind the answer may be about what they talk of: the answer ends
    with a question, or the prompt was one and nothing was done."""
    ends = ("?", "\uff1f")
    asked = turn.prompt.rstrip().endswith(ends) and not turn.actions
    return asked or turn.response.rstrip().endswith(ends)


def _same_request(first: str, second: str) -> bool:
    """Whether two prompts ask for the same in almost the same words."""
    one, two = (re.findall(r"\w+", text[:4000].casefold()) for text in (first, second))
    if len(one) < 3 or len(two) < 3:
        return False
    if one == two:
        return True
    shared, either = set(one) & set(two), set(one) | set(two)
    # The same for another page, line or step is another request.
    numbers = any(any(map(str.isdigit, word)) for word in either - shared)
    return len(one) >= 5 and not numbers and len(shared) / len(either) >= 0.85


def _fate_signs(turn: Turn, later: Sequence[Turn]) -> list[Sign]:
    """What became of what the turn left: its commits and edits, and the errors it met."""
    signs = []
    fate = kept_or_undone(turn, later)
    if fate is not None:
        weight = {"kept": _KEPT, "committed": _COMMITTED, "undone": _UNDONE}[fate.kind]
        signs.append(Sign(fate.kind, weight, fate.seen))
    if _last_edit(turn) is None or not later:
        return signs
    met = _errors(turn.prompt, *(each.detail for each in turn.actions if not each.ok))
    if not met:
        return signs
    seen: dict[str, ErrorSignature] = {}
    for each in later:
        seen |= _errors(each.prompt, *(step.detail for step in each.actions if not step.ok))
    again = [error.title for key, error in met.items() if key in seen]
    types = {error.error_type for error in seen.values()}
    if again:
        signs.append(Sign("error back", _ERROR_BACK, f"the error came back: {again[0][:100]}"))
    elif any(step.kind is ActionKind.COMMAND for each in later for step in each.actions):
        # Another error of the same type may be the same one in other words.
        gone = [error.title for error in met.values() if error.error_type not in types]
        if gone:
            signs.append(Sign("error gone", _ERROR_GONE, f"the error is gone: {gone[0][:100]}"))
    return signs


def _errors(*texts: str) -> dict[str, ErrorSignature]:
    """The errors that texts speak of, by their keys."""
    return {each.key: each for text in texts for each in signatures(text[:_READ]) if each.telling}
