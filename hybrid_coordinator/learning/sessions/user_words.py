"""What a user's next words say about the answer before them: praise, correction, or nothing.

The verdict is in log-odds of success. Only clear words are a verdict of their own; polite ones and
those that merely go on weigh little, and words about something else nothing. The words are in
``user_words.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

_READ = 400
"""Characters from the start that are read: people judge first and go on afterwards."""

_QUOTED = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|^[ \t]*>.*$|\"[^\"\n]{0,200}\"|\u201c[^\u201d\n]{0,200}\u201d",
    re.DOTALL | re.MULTILINE,
)
_END = r"(?:\s*[.!,:;)]|\s*$|\s+(?:thank|thx|now\b|and\b|please\b|let))"
_ERROR_PASTED = re.compile(
    r"Traceback \(most recent call last\)|^\w*(?:Error|Exception)\b: |^error(?:\[\w+\])?: "
    r"|^FAILED |panicked at|^[ \t]+at \S+ \(\S+:\d+:\d+\)|npm ERR!|Segmentation fault|error TS\d+",
    re.MULTILINE,
)
_ERROR_READ = 20_000

WRONG, DOUBT, GOES_ON, THANKS, RIGHT = -3.4, -1.4, 0.3, 1.2, 2.6


@dataclass(frozen=True, slots=True)
class Verdict:
    """``weight`` in log-odds of success, ``words`` what was said, ``feedback`` -1, 0 or 1 as a
    thumb would be: only for clear words."""

    weight: float
    words: str
    feedback: int = 0


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    text = resources.files(__package__).joinpath("user_words.yaml").read_text(encoding="utf-8")
    table = yaml.safe_load(text)
    parts = {**table.pop("parts"), "END": _END}
    patterns = {}
    for name, words in table.items():
        pattern = "|".join(f"(?:{each})" for each in words)
        for part, meaning in parts.items():
            pattern = pattern.replace(f"{{{part}}}", meaning)
        patterns[name] = re.compile(pattern, re.IGNORECASE)
    return patterns


def verdict(prompt: str) -> Verdict | None:
    """What the words that follow an answer say about it; None if they say nothing."""
    words = _patterns()
    said = _QUOTED.sub(" ", prompt[: 4 * _READ])[:_READ].replace("\u2019", "'").strip()
    said = words["nothing"].sub(" ", said).strip()
    if wrong := words["wrong"].search(said):
        return Verdict(WRONG, _sentence(said, wrong), -1)
    right, doubt = words["right"].search(said), words["doubt"].search(said)
    if doubt and _asks(said, doubt):
        doubt = None
    if right and doubt:
        # "Perfect, but now I get an error": the doubt is what they go on about.
        return Verdict(DOUBT / 2, _sentence(said, doubt))
    if right and not _asks(said, right):
        return Verdict(RIGHT, _sentence(said, right), 1)
    if doubt:
        return Verdict(DOUBT, _sentence(said, doubt))
    if _ERROR_PASTED.search(prompt[:_ERROR_READ]):
        return Verdict(DOUBT, "a pasted error")
    if thanks := words["thanks"].search(said):
        return Verdict(THANKS, _sentence(said, thanks))
    if going_on := words["goes_on"].search(said):
        return Verdict(GOES_ON, _sentence(said, going_on))
    return None


def _asks(said: str, found: re.Match[str]) -> bool:
    """Whether words stand in a question: "is it fixed?"."""
    sentence = re.split(r"[.!\n]", said[found.start() :].lstrip(" .!?,;:\n"), maxsplit=1)[0]
    return 0 <= sentence.find("?") < 60


def _sentence(said: str, found: re.Match[str]) -> str:
    """What was said from there on, shortened."""
    words = " ".join(said[found.start() :].lstrip(" .!?,;:\n").split())
    return f'"{words[:60]}..."' if len(words) > 60 else f'"{words}"'
