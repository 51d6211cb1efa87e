"""The calculations that a text writes out, and whether each of them holds."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<number>(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.\d{1,15})?|(?<![\w.])\.\d{1,15})"
    r"(?P<percent>[ ]?%)?"
    r"|(?P<times>(?<=[\d\s)])[xX](?=[ ]?[$(]?[ ]?\.?\d|[ ][$(]))"
    r"|(?P<sign>[-+*/()=\u2212\u2013\u00d7\u00f7\u2248])"
    r"|(?P<word>[^\W\d_]+)"
    r"|(?P<skip>[ \t$\u20ac\u00a3\\,'\u2019]|\n)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_SIGNS = {"\u2212": "-", "\u2013": "-", "\u00d7": "*", "\u00f7": "/", "\u2248": "="}
_ANNOTATION = re.compile(r"<<([^<>\n]{0,200})>>")
"""A calculator's note, as in ``20*40 = <<20*40=800>>800``."""

_PLAIN = (
    (re.compile(r"\\(?:times|cdot)\b"), "*"),
    (re.compile(r"\\div\b"), "/"),
    (re.compile(r"\\d?frac\{([^{}]{1,60})\}\{([^{}]{1,60})\}"), r"(\1)/(\2)"),
    (re.compile(r"\\(?:text|boxed|mathrm)\{([^{}]{1,60})\}"), r" \1 "),
    # Marks of a formula, and Markdown's bold.
    (re.compile(r"\\[()\[\]]|\*\*|`"), " "),
    # Asides and rates: "3 (to her cousin) + 4", "7 sacks * 25 kilograms/sack".
    (re.compile(r"(?<=[\w ])\([A-Za-z][^()\d=]{0,60}\)"), " "),
    (re.compile(r"(?<=\w)[ ]?/[ ]?[A-Za-z]{3,30}\b"), " "),
)

_MOST_UNITS = 3
"""Words that may stand between a number and what follows it: "4 large poles * 6"."""
_MOST_SUBJECT = 12
_MOST_TOKENS = 60
_DEEPEST = 6
_TOLERANCE = 0.01
"""A result may be rounded to this share of it."""

_CONVERTED = re.compile(
    r"dozen|cent|dollar|inch|f[eo][eo]t|yard|mile|second|minute|hour|day|week|month|year"
    r"|ounce|pound|gram|kilo|lit[er]{2}|met[er]{2}|bit|byte"
    r"|\b(?:[kmgt]i?b|[mun]?s|[kcm]?m|k?g|min|h)\b"
)

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}


@dataclass(frozen=True, slots=True)
class Calculation:
    """``operands = result``: the numbers that go in as written (20% is 20), and the result."""

    operands: tuple[float, ...]
    result: float
    holds: bool
    text: str


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    value: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Expression:
    """A piece of arithmetic: ``value`` is None where it divides by zero or its brackets do not
    match; ``begun`` says that it starts here, and is not the rest of something unread."""

    value: float | None
    numbers: tuple[float, ...]
    percent: bool
    begun: bool
    first: int
    next: int

    @property
    def is_number(self) -> bool:
        return len(self.numbers) == 1


def calculations(text: str) -> tuple[Calculation, ...]:
    """Every ``a + b = c`` in the text in order, each once. Time is linear in the text.

    Units may follow numbers ("4 poles * 6 lights = 24 lights"); what has a variable or a phrase
    for an operand is passed over.
    """
    for written, plain in _PLAIN:
        text = written.sub(plain, text)
    found: list[Calculation] = []
    seen: set[tuple[tuple[float, ...], float]] = set()
    for note in _ANNOTATION.finditer(text):
        _add(found, seen, _read(note.group(1)))
    _add(found, seen, _read(_ANNOTATION.sub("", text)))
    return tuple(found)


def numbers(text: str) -> tuple[float, ...]:
    """The numbers written in digits, without signs: "$1,200.50" is 1200.5."""
    return tuple(token.value for token in _tokens(text) if token.kind == "number")


def _add(
    found: list[Calculation],
    seen: set[tuple[tuple[float, ...], float]],
    more: Iterator[Calculation],
) -> None:
    for calculation in more:
        key = (tuple(sorted(calculation.operands)), abs(calculation.result))
        if key not in seen:
            seen.add(key)
            found.append(calculation)


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        start, end = match.span()
        if match.group("number"):
            value = float(match.group("number").replace(",", ""))
            yield _Token("number", "%" if match.group("percent") else "", value, start, end)
        elif kind == "times":
            yield _Token("sign", "*", 0.0, start, end)
        elif kind == "sign":
            yield _Token("sign", _SIGNS.get(match.group(), match.group()), 0.0, start, end)
        elif kind != "skip":
            yield _Token(kind, match.group(), 0.0, start, end)
        elif match.group() == "\n":
            yield _Token("other", "\n", 0.0, start, end)


def _read(text: str) -> Iterator[Calculation]:
    tokens = list(_tokens(text))
    chain: list[_Expression] = []
    place = 0
    while place < len(tokens):
        expression = _expression(tokens, place)
        if expression is None:
            place += 1
            continue
        # "= 24 apples = 2 dozen": one more link of the chain, or the start of another.
        # What follows "2x = " is a calculation of its own.
        if chain and not (chain[0].begun and _linked(tokens, chain, expression.first)):
            yield from _calculation(chain, tokens, text)
            chain = []
        chain.append(expression)
        place = expression.next
    yield from _calculation(chain, tokens, text)


def _linked(tokens: Sequence[_Token], chain: Sequence[_Expression], start: int) -> bool:
    between = tokens[chain[-1].next : start]
    if not between or between[-1].text != "=":
        return False
    words = [token.text for token in between[:-1]]
    if "\n" in words:
        # "Total = 8 + 5", and in the next line "Total = 13".
        subject = words[len(words) - words[::-1].index("\n") :]
        return bool(subject) and subject == _subject(tokens, chain[0].first)
    return len(words) <= _MOST_UNITS and all(token.kind == "word" for token in between[:-1])


def _subject(tokens: Sequence[_Token], place: int) -> list[str]:
    """What stands before the sign of equality right before a place, from its line's start."""
    if place == 0 or tokens[place - 1].text != "=":
        return []
    first = place - 1
    while first > 0 and place - first <= _MOST_SUBJECT and tokens[first - 1].text != "\n":
        first -= 1
    return [token.text for token in tokens[first : place - 1]]


def _calculation(
    chain: Sequence[_Expression], tokens: Sequence[_Token], text: str
) -> Iterator[Calculation]:
    """The chain ``a + b = c = ...`` as one calculation, if it is one."""
    if len(chain) < 2 or not chain[0].begun or all(part.is_number for part in chain):
        return
    values = [part.value for part in chain]
    result = values[-1]
    if result is None:
        return
    percent = any(part.percent for part in chain)
    written = text[tokens[chain[0].first].start : tokens[chain[-1].next - 1].end]
    # The unit of the result included.
    unit = tokens[chain[-1].next].text if chain[-1].next < len(tokens) else ""
    holds = _converts(f"{written} {unit}") or all(
        _holds(a, b, percent=percent) for a, b in itertools.pairwise(chain)
    )
    operands = tuple(n for part in chain if not part.is_number for n in part.numbers)
    if chain[-1].is_number and chain[-1].percent:
        result *= 100
    yield Calculation(operands, result, holds, " ".join(written.split()))


def _converts(written: str) -> bool:
    """Whether units are converted on the way: "4 feet + 3 inches = 51"."""
    units = set(_CONVERTED.findall(written.lower()))
    return len(units) > 1 or "dozen" in units


def _holds(a: _Expression, b: _Expression, *, percent: bool) -> bool:
    if a.is_number and not b.is_number:
        # "6 inches = 6 / 12": what was defined, not worked out.
        return True
    if a.value is None or b.value is None:
        return False
    # "12 + 84 = 96 / 3 = 32" is bad style and no slip.
    return _same(a.value, b.value, percent=percent) or a.value == b.numbers[0]


def _same(a: float, b: float, *, percent: bool) -> bool:
    scales = (1.0, 100.0, 0.01) if percent else (1.0,)
    return any(
        abs(a - scale * b) <= max(_TOLERANCE * max(abs(a), abs(scale * b)), 0.005)
        for scale in scales
    )


def _expression(tokens: Sequence[_Token], first: int) -> _Expression | None:
    """The longest expression that starts at the token, or None."""
    reader = _Reader()
    place = first
    last = -1
    """Where the expression could end: after an operand, outside all brackets."""
    while place < len(tokens) and place - first < _MOST_TOKENS:
        token = tokens[place]
        if not reader.take(token):
            units = _units(tokens, place)
            if reader.wants_operand or not units:
                break
            place += units
            continue
        place += 1
        if reader.is_whole:
            last = place
            kept = reader.copy()
    if last < 0:
        return None
    begun = first == 0 or tokens[first - 1].text not in _PRECEDENCE
    # A letter right after it is a variable: "2x", "3 n".
    after = tokens[last] if last < len(tokens) else None
    if after is not None and after.kind == "word" and len(after.text) == 1 and after.text != "a":
        begun = False
    return _Expression(kept.value(), tuple(kept.numbers), kept.percent, begun, first, last)


def _units(tokens: Sequence[_Token], place: int) -> int:
    """How many tokens to pass over: units between an operand and a sign, or "(as she said)"."""
    if tokens[place].text == "(":
        return 0
    count = 0
    while place + count < len(tokens) and tokens[place + count].kind == "word":
        count += 1
    if not 0 < count <= _MOST_UNITS or place + count >= len(tokens):
        return 0
    if any(len(token.text) == 1 for token in tokens[place : place + count]):
        return 0
    return count if tokens[place + count].text in _PRECEDENCE else 0


class _Reader:
    """Takes tokens of an expression one by one (Dijkstra's two stacks)."""

    def __init__(self) -> None:
        self.numbers: list[float] = []
        self.percent = False
        self.wants_operand = True
        self._output: list[float | str] = []
        self._signs: list[str] = []
        self._minus = 1

    def copy(self) -> _Reader:
        other = _Reader()
        other.numbers, other.percent = list(self.numbers), self.percent
        other._output, other._signs = list(self._output), list(self._signs)
        return other

    @property
    def is_whole(self) -> bool:
        return not self.wants_operand and "(" not in self._signs

    def take(self, token: _Token) -> bool:
        """Whether the token fits here, and was taken."""
        if self.wants_operand:
            return self._take_operand(token)
        if token.text == ")" and "(" in self._signs:
            while self._signs[-1] != "(":
                self._output.append(self._signs.pop())
            self._signs.pop()
            return True
        if token.kind != "sign" or token.text not in _PRECEDENCE:
            return False
        while self._signs and _PRECEDENCE.get(self._signs[-1], 0) >= _PRECEDENCE[token.text]:
            self._output.append(self._signs.pop())
        self._signs.append(token.text)
        self.wants_operand = True
        return True

    def _take_operand(self, token: _Token) -> bool:
        if token.kind == "number":
            self.numbers.append(token.value)
            self.percent = self.percent or token.text == "%"
            value = token.value / 100 if token.text == "%" else token.value
            self._output.append(self._minus * value)
            self._minus = 1
            self.wants_operand = False
            return True
        if token.text == "(" and self._minus == 1 and self._signs.count("(") < _DEEPEST:
            self._signs.append("(")
            return True
        if token.text == "-" and self._minus == 1:
            self._minus = -1
            return True
        return False

    def value(self) -> float | None:
        """The value, or None where it divides by zero. To be called once, at the end."""
        stack: list[float] = []
        for part in [*self._output, *reversed(self._signs)]:
            if isinstance(part, float):
                stack.append(part)
                continue
            b, a = stack.pop(), stack.pop()
            if part == "/" and b == 0:
                return None
            stack.append({"+": a + b, "-": a - b, "*": a * b}[part] if part != "/" else a / b)
        return stack[0]
