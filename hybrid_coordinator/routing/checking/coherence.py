"""Does an answer hang together: no loops, no echo, no bare refusal, no garbage, little hedging."""

from __future__ import annotations

import re
from itertools import pairwise

from hybrid_coordinator.routing.checking.finding import Finding

_GRAM = 4
_FEWEST_GRAMS = 24
_LOOPS_FROM, _LOOPS_TO = 0.35, 0.75
"""Shares of repeated word 4-grams at which an answer begins to look looped, and surely is. Code
and tables repeat themselves up to a third."""

_MOST_CHARACTERS = 100_000
"""Read of a longer answer, half from its start and half from its end."""

_TAIL = 240
_LONGEST_PERIOD = 80
_ECHO_WORDS = 6
_REFUSAL_WORDS = 60
_GARBLED_SIGNS, _MOST_GARBLED = 80, 4_000
_REFUSED, _ELSEWHERE, _HEDGED = 0.1, 0.1, 0.5

_STEM, _FEWEST_STEMS, _PROSE_WORDS, _CODE_SIGNS = 5, 3, 20, 4
"""An answer is beside the question if it is prose of some length and has none of the beginnings of
the question's longer words. Shorter answers often have none, nor has code."""

_FENCED = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1|\Z)", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`[^`\n]*`|\bhttps?://\S+")
_WORD = re.compile(r"\w+")
_LONG_WORD = re.compile(r"\b[a-z]{5,}")
_CODE = re.compile(r"[(){}\[\]=;]")
_ASCII_SIGN = re.compile(r"[!-~]")
_UNREADABLE = re.compile(r"[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f]")
_REFUSAL = re.compile(
    r"\A\W*(?:(?:i'?m|i am) (?:really |very |so )?(?:sorry|unable|not able)"
    r"|sorry(?:[,.!]| but\b)|as an ai\b|i (?:can'?t|cannot|can not|won'?t|must decline)"
    r"|unfortunately,? i\b|je suis désolé|lo siento|es tut mir leid|извините|抱歉|对不起)",
    re.IGNORECASE,
)
_ASKS_BACK = re.compile(
    r"\A\W*(?:sure|of course|certainly|absolutely|happy to|i'?d be happy|i would be happy|to help"
    r"|could you|can you|please)\b[^`]{0,200}?"
    r"\b(?:please|could you|can you|you'll need to|need you to) (?:please )?"
    r"(?:provide|share|paste|specify|clarify|tell me|give me|upload)\b",
    re.IGNORECASE,
)
_NOT_KNOWN = re.compile(
    r"\A\W*(?:i (?:really |honestly |simply )?(?:don['\u2019]?t|do not) know|(?:i have )?no idea"
    r"|i['\u2019]?m not sure|ich weiß (?:es |das )?nicht|no lo sé"
    r"|je ne sais pas|я не знаю|我不知道)"
    r"\W*(?:\w+\W+){0,6}\Z",
    re.IGNORECASE,
)
_NO_ANSWERS = (
    (_REFUSAL, "it refuses"),
    (_ASKS_BACK, "it asks back"),
    (_NOT_KNOWN, "it does not know"),
)
_TRANSLATES = re.compile(
    r"\btranslat|\bübersetz|\btradu[cizs]|перев[её]д|翻译|翻訳|\bhow do you say\b", re.IGNORECASE
)
"""Asks for somebody else's words, which may be those of a refusal."""
_HEDGE = re.compile(
    r"\b(?:i'?m not (?:entirely |quite |completely )?(?:sure|certain)|i am not sure|i don'?t know"
    r"|(?:not enough|insufficient) information|made a mistake|hard to say"
    r"|(?:cannot|can'?t|can not) (?:be )?determined?|it(?:'s| is) unclear"
    r"|(?:impossible|not possible|no way) to (?:say|tell|know|determine)"
    r"|without (?:more|further) (?:information|context)|needs? (?:more|to know)|i would need"
    r"|is not (?:given|specified|provided)|doesn'?t (?:say|specify))\b",
    re.IGNORECASE,
)


def coherence(answer: str, prompt: str, *, is_data: bool = False) -> Finding:
    """0 for a loop, an echo, garbage or nothing. Never raises.

    ``is_data`` says that the answer is JSON that was asked for: only loops count then.
    """
    if len(answer) > _MOST_CHARACTERS:
        half = _MOST_CHARACTERS // 2
        answer = f"{answer[:half]}\n{answer[-half:]}"
    unlooped = originality(answer)
    looped = "it repeats itself" if unlooped < 1 else ""
    if is_data:
        return Finding(unlooped, looped)
    prose = _INLINE.sub(" ", _FENCED.sub(" ", answer))
    if not answer.strip():
        return Finding(0.0)
    if _echoes(answer, prompt):
        return Finding(0.0, "it repeats the question")
    if _garbled(prose):
        return Finding(0.0, "it is noise")
    unreadable = unreadability(answer)
    value = unlooped * (1 - unreadable)
    said = no_answer(answer, prompt)
    if said:
        return Finding(min(value, _REFUSED), said)
    if prose == answer and not _TRANSLATES.search(prompt):
        words = len(_WORD.findall(answer))
        if words >= _PROSE_WORDS and _elsewhere(answer, prompt):
            return Finding(min(value, _ELSEWHERE), "nothing of the question is in it")
    if unreadable:
        return Finding(value, looped or "it has unreadable characters")
    hedge = _HEDGE.search(prose)
    if hedge:
        return Finding(value * _HEDGED, looped or f"it hedges: {' '.join(hedge.group().split())!r}")
    return Finding(value, looped)


def no_answer(answer: str, prompt: str) -> str:
    """Why a short answer in prose is none: it refuses, asks back or does not know. Empty for an
    answer."""
    found = next((said for sign, said in _NO_ANSWERS if sign.search(answer)), "")
    if not found or _FENCED.search(answer) or _INLINE.search(answer) or _TRANSLATES.search(prompt):
        return ""
    return found if len(_WORD.findall(answer)) < _REFUSAL_WORDS else ""


def _elsewhere(answer: str, prompt: str) -> bool:
    if len(_CODE.findall(answer)) >= _CODE_SIGNS:
        return False
    asked, said = _stems(prompt), _stems(answer)
    return len(asked) >= _FEWEST_STEMS <= len(said) and asked.isdisjoint(said)


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in _LONG_WORD.findall(text.lower())}


def originality(text: str) -> float:
    """1 for no repetition, 0 for a loop: repeated word n-grams, and a tail with a short period."""
    if _tail_loops(text):
        return 0.0
    words = _WORD.findall(text.lower())
    total = len(words) - _GRAM + 1
    if total < _FEWEST_GRAMS:
        return 1.0
    distinct = len(set(zip(*(words[start:] for start in range(_GRAM)), strict=False)))
    repeated = 1 - distinct / total
    return 1 - min(1.0, max(0.0, (repeated - _LOOPS_FROM) / (_LOOPS_TO - _LOOPS_FROM)))


def _tail_loops(text: str) -> bool:
    """Whether the end of the text is one short piece over and over. Rules and filler lines
    (``-----``) are one sign or two, and no loop."""
    tail = text.rstrip()[-_TAIL:]
    # What comes again after a period has its beginning again there, as hardly any tail has.
    if len(tail) < _TAIL or tail.find(tail[:-_LONGEST_PERIOD], 1) < 0:
        return False
    return any(
        tail[period:] == tail[:-period] and len(set(tail)) > 2
        for period in range(1, _LONGEST_PERIOD + 1)
    )


def _echoes(answer: str, prompt: str) -> bool:
    """Whether the answer is the prompt, or little more."""
    said, asked = _WORD.findall(answer.lower()), _WORD.findall(prompt.lower())
    if len(asked) < _ECHO_WORDS or len(said) > 1.5 * len(asked):
        return False
    return f" {' '.join(asked)} " in f" {' '.join(said)} "


def _garbled(prose: str) -> bool:
    """Whether ASCII text changes between kinds of signs far more often than any language or
    notation does, symbols among them: the mark of noise."""
    signs = _ASCII_SIGN.findall(prose[:_MOST_GARBLED])
    if len(signs) < _GARBLED_SIGNS:
        return False
    symbols = sum(not sign.isalnum() for sign in signs) / len(signs)
    changes = sum(_kind(a) != _kind(b) for a, b in pairwise(signs)) / len(signs)
    return symbols > 0.15 and changes > 0.55


def _kind(sign: str) -> int:
    if sign.isdigit():
        return 0
    if sign.isalpha():
        return 1 if sign.islower() else 2
    return 3


def unreadability(text: str) -> float:
    """0-1: how much is replacement and control characters, of which a tenth is past bearing."""
    return min(1.0, 10 * len(_UNREADABLE.findall(text)) / max(1, len(text)))
