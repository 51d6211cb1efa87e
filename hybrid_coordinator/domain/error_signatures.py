"""What error an output speaks of: the same one has the same key in any file, run or machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto

from hybrid_coordinator.domain.error_formats import (
    ASSERTIONS,
    INTERRUPTIONS,
    Rank,
    Said,
    read_line,
    short_type,
)
from hybrid_coordinator.domain.error_values import normalise, says_something
from hybrid_coordinator.domain.ids import content_id

_MAX_LINE = 1_000
"""Characters of a line that are looked at."""
_MOST = 8
"""Signatures of one output."""
_TEST_FAILURE = "test failure"
"""The type of what Go's tests say: they have no assertions."""
_READABLE = 300
"""Characters of a message as it was said."""


@dataclass(frozen=True, slots=True)
class ErrorSignature:
    """An error without what is of one file, run or machine.

    Attributes:
        error_type: an exception class without its modules, a code (``E0382``, ``TS2345``,
            ``ECONNREFUSED``, ``HTTP 404``, ``exit 137``), or the tool that said it.
        message: its words, with typed placeholders for values.
        said: the message as it was said, on one line.
        key: a UUIDv5 of type and message.
        telling: whether it says what went wrong, rather than that something did.
    """

    error_type: str
    message: str
    said: str
    key: str
    telling: bool = True

    @property
    def of_a_test(self) -> bool:
        """Whether a test says that it expected something else."""
        return self.error_type in ASSERTIONS or self.error_type == _TEST_FAILURE

    @property
    def title(self) -> str:
        """Type and message on one line."""
        return _titled(self.error_type, self.message)


def signatures(output: str) -> tuple[ErrorSignature, ...]:
    """The errors that an output speaks of, the root one first, each once; in time linear in its
    length.

    The root is what was said first of what says what went wrong, but of exceptions that led to
    each other the last one. What only follows from another (``make: *** Error 2``) comes last.
    """
    said = sorted(_Reader(output).read(), key=lambda each: each.rank)
    found: dict[str, ErrorSignature] = {}
    for each in said:
        made = _signature(each)
        found.setdefault(made.key, made)
        if len(found) == _MOST:
            break
    return tuple(found.values())


def root_error(output: str) -> ErrorSignature | None:
    """The first of the ``signatures`` that says what went wrong; None where none does."""
    return next((each for each in signatures(output) if each.telling), None)


def _signature(said: Said) -> ErrorSignature:
    message = normalise(said.message)
    return ErrorSignature(
        error_type=said.type,
        message=message,
        said=_titled(said.type, " ".join(said.message.split())[:_READABLE]),
        key=content_id("error", said.type.casefold(), message.casefold()),
        telling=said.rank is not Rank.AFTERMATH
        and (said.type not in _VAGUE or says_something(message)),
    )


_VAGUE = frozenset({"error", "Error", "Exception", "RuntimeError", "AssertionError"})
"""Types that say nothing without a message."""


def _titled(error_type: str, message: str) -> str:
    if not message or message.startswith(error_type):
        return message or error_type
    return f"{error_type}: {message}"


_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_DECORATION = re.compile(
    r"^(?:\d{4}-\d\d-\d\dT\S{8,20}Z |#\d+ \d+\.\d+ |[\w.-]{1,40}\s{0,20}\| (?=\S)|##\[error\])"
)
"""What logs put before a line: GitHub's time stamps, Docker's steps and services."""

_TRACEBACK = re.compile(r"^\s*(?:[+|] ?)*Traceback \(most recent call last\):$|^Traceback$")
_RAISED = re.compile(r"^(?P<type>[A-Za-z_][\w.]{0,200})(?:: (?P<message>.*))?$")
_FRAMED = re.compile(r"^[\s|+-]*[|+] ?-*")
_CHAINED = re.compile(
    r"^(?:The above exception was the direct cause|During handling of the above exception)"
)
_CAUSE = re.compile(r"^\s*(?:Caused by: |\[cause\]: )(?P<rest>.+)$")
_TEST = (
    re.compile(r"^_{3,} (?:ERROR (?:collecting|at \w+ of) )?(?P<test>[^\s_]\S*?)(?:\[.*)? _{3,}$"),
    re.compile(r"^(?:FAIL|ERROR): (?P<test>\w+)(?: \(.*)?$"),
    re.compile(r"^---- (?P<test>[\w:]+) stdout ----$"),
    re.compile(r"^\s*--- FAIL: (?P<test>\S+)"),
    re.compile(r"^\s*not ok \d+ - (?P<test>\S.*)$"),
    re.compile(r"^\s*● (?P<test>\S.*)$"),
    re.compile(r"^\s*(?:FAIL|\u00d7|\u2717)\s+\S+ > (?P<test>\S.*)$"),
    re.compile(r"^(?:\[ERROR\]\s+)?(?P<test>\w+ > [\w ]+(?:\(\))?) FAILED$"),
)
_SECTION = re.compile(r"^={3,} .* ={3,}$")
_SUMMARY = re.compile(
    r"^(?:FAILED|ERROR) \S+?(?:::(?P<test>[\w:]+)(?:\[.*?\])?)? - (?P<message>.+)$"
)
_MAVEN_TEST = re.compile(
    r"^\[ERROR\]\s+(?P<test>\w+(?:\.\w+)+):\d+ (?P<message>(?:expected|Expected).*)$"
)
_EXPECT = re.compile(r"^\s*(?P<message>expect\(.*\)\.\S.*)$")
_GO_TEST = re.compile(r"^\s+\w+_test\.go:\d+: (?P<message>.+)$")
_PANIC_AT = re.compile(r"^thread '[^']*' (?:\(\d+\) )?panicked at \S+:\d+:\d+:$")
_NPM_CODE = re.compile(r"^npm (?:ERR!|error) code (?P<code>\w+)$")
_NPM_LINE = re.compile(
    r"^npm (?:ERR!|error)\s+(?!code|errno|syscall|path|command|dest|cwd)(?P<message>\S.*)$"
)
_TAP_ERROR = re.compile(r"^\s*error: (?:\|-?|>-?|'(?P<message>.*)')$")
_EXPLAINED = {
    "cannot find symbol": re.compile(r"^\s+symbol:\s+(?P<more>.+)$"),
    "mismatched types": re.compile(r"^.*\b(?P<more>expected .+, found .+)$"),
}
_GRADLE_REASON = re.compile(r"^> (?P<message>\S.*)$")


_READ = Said("", "")
"""A line that is understood, and says no error."""


class _ELines(Enum):
    """How far a block of pytest's explaining lines is: not in one, in quoted source, or done."""

    NONE = auto()
    SOURCE = auto()
    SAID = auto()


class _Reader:
    """Reads an output line by line, and knows what the lines before have begun."""

    def __init__(self, output: str) -> None:
        self._lines = _clean(output)
        self._said: list[Said] = []
        self._test = ""
        self._source = ""
        """The last line of source that a traceback quotes."""
        self._in_traceback = False
        self._e_lines = _ELines.NONE
        self._by_gradle = False
        self._code = ""
        """npm's, until the line that says what it stands for."""
        self._next: str | None = None
        """The type of the error that the next line says."""

    def read(self) -> list[Said]:
        """All errors in the order in which they were said."""
        for line in self._lines:
            if not line:  # many lines are, and none of them says anything
                self._e_lines = _ELines.NONE
                continue
            said = self._begun(line) or self._of_test(line) or self._traceback(line)
            if said is None and not self._in_traceback:
                said = self._cause(line) or self._plain(line)
            if said is not None and said is not _READ:
                self._add(said)
        if self._code:
            self._add(Said(self._code, self._code, Rank.AFTERMATH))
        return self._said

    def _add(self, said: Said) -> None:
        if said.type in INTERRUPTIONS:
            return
        if said.type in ASSERTIONS:
            words = said.message or self._source
            if self._test and not words.startswith(self._test):
                words = f"{self._test}: {words}"
            said = replace(said, message=words)
        self._said.append(said)

    def _begun(self, line: str) -> Said | None:
        """What a line before announced, or this one announces."""
        if self._next is not None and line.strip():
            kind, self._next = self._next, None
            asserted = line.startswith("assertion ")
            return Said("AssertionError" if asserted else kind, line.strip())
        if _PANIC_AT.match(line):
            self._next = "panic"
            return _READ
        if code := _NPM_CODE.match(line):
            self._code = code["code"]
        elif self._code and (message := _NPM_LINE.match(line)):
            kind, self._code = self._code, ""
            rank = Rank.AFTERMATH if kind == "ELIFECYCLE" else Rank.ROOT
            return Said(kind, message["message"], rank)
        self._explain(line)
        return self._of_gradle(line)

    def _explain(self, line: str) -> None:
        """What a line below an error adds to its message, which says too little alone."""
        if not self._said:
            return
        last = self._said[-1]
        more = _EXPLAINED.get(last.message)
        if more is not None and (match := more.match(line)):
            self._said[-1] = replace(last, message=f"{last.message}: {match['more']}")

    def _of_gradle(self, line: str) -> Said | None:
        """It says what it was doing, and below it, behind an angle bracket, what was wrong."""
        if line.startswith("* "):
            self._by_gradle = line == "* What went wrong:"
            return _READ if self._by_gradle else None
        if not self._by_gradle or not line.strip():
            return None
        if reason := _GRADLE_REASON.match(line):
            self._demote()
            return read_line(reason["message"]) or Said("gradle", reason["message"])
        return read_line(line) or Said("gradle", line.strip())

    def _of_test(self, line: str) -> Said | None:
        """The name of the test that what follows is about, or how it failed."""
        if _SECTION.match(line):
            self._test = ""
        for pattern in _TEST:
            if match := pattern.match(line):
                self._test = _test_name(match["test"])
                return _READ
        if match := _SUMMARY.match(line):
            return self._summed_up(match)
        if match := _MAVEN_TEST.match(line):
            return Said("AssertionError", f"{_test_name(match['test'])}: {match['message']}")
        if match := _EXPECT.match(line):
            return Said("AssertionError", match["message"])
        if self._test and (match := _GO_TEST.match(line)):
            return Said(_TEST_FAILURE, f"{self._test}: {match['message']}")
        if self._test and (match := _TAP_ERROR.match(line)):
            if match["message"]:
                return Said("AssertionError", match["message"])
            self._next = "AssertionError"
            return _READ
        return self._e_line(line)

    def _summed_up(self, match: re.Match[str]) -> Said:
        """A line of pytest's summary, which may be cut off."""
        self._test, text = _test_name(match["test"] or ""), match["message"]
        raised = _RAISED.match(text)
        if raised and raised["message"] and short_type(raised["type"])[:1].isupper():
            return Said(short_type(raised["type"]), raised["message"], Rank.MENTION)
        said = read_line(text)
        if said is None:
            return Said("AssertionError", text, Rank.MENTION) if self._test else _READ
        return replace(said, rank=max(said.rank, Rank.MENTION))

    def _e_line(self, line: str) -> Said | None:
        """pytest's: the first of a block says the error, the others explain it; but a quoted
        source stands before its syntax error."""
        if not re.match(r"E(?:\s{2,}|$)", line):
            self._e_lines = _ELines.NONE
            return None
        text = line[1:].strip()
        if self._e_lines is _ELines.SAID or not text:
            return None
        raised = _RAISED.match(text)
        said: Said | None = None
        if raised and short_type(raised["type"])[:1].isupper():
            said = Said(short_type(raised["type"]), raised["message"] or "")
        elif text.startswith('File "'):
            self._e_lines = _ELines.SOURCE
        elif text.startswith("assert "):
            said = Said("AssertionError", text)
        elif self._e_lines is not _ELines.SOURCE:
            said = read_line(text) or Said("error", text)
        if said is not None:
            self._e_lines = _ELines.SAID
        return said or _READ

    def _traceback(self, line: str) -> Said | None:
        """Frames are indented; the line after them says the exception."""
        if _TRACEBACK.match(line):
            self._in_traceback, self._source = True, ""
            return _READ
        if _CHAINED.match(line):
            self._demote()
            return _READ
        if not self._in_traceback:
            return None
        bare = _FRAMED.sub("", line) if line.lstrip()[:1] in ("|", "+") else line
        if not bare.strip() or bare[0].isspace():
            if bare.strip() and not bare.lstrip().startswith(("File ", "^", "~", "...", "[Prev")):
                self._source = bare.strip()
            return None
        self._in_traceback = False
        raised = _RAISED.match(bare)
        if raised is None:
            return None
        kind = short_type(raised["type"])
        rank = Rank.AFTERMATH if kind.endswith("Group") else Rank.ROOT
        return Said(kind, raised["message"] or "", rank)

    def _cause(self, line: str) -> Said | None:
        """The error that led to the one before it, which therefore says less."""
        cause = _CAUSE.match(line)
        said = None if cause is None else read_line(cause["rest"].rstrip(" {"))
        if said is not None and said.rank is Rank.ROOT:
            self._demote()
        return said

    def _demote(self) -> None:
        if self._said and self._said[-1].rank is Rank.ROOT:
            self._said[-1] = replace(self._said[-1], rank=Rank.MENTION)

    def _plain(self, line: str) -> Said | None:
        """What a line says on its own; indented ones are mostly frames and quoted source."""
        said = read_line(line)
        if said is None and line[:1].isspace():
            said = read_line(line.strip())
            if said is not None and said.type in ("go", "lint"):
                return None
        return said


def _clean(output: str) -> Iterator[str]:
    """Lines without colours, control characters, overwritten progress and decorations."""
    for raw in output.split("\n"):
        line = _ESCAPE.sub("", raw[: 4 * _MAX_LINE]).rstrip("\r")
        line = _CONTROL.sub("", line.rpartition("\r")[2])[:_MAX_LINE]
        yield _DECORATION.sub("", line).rstrip()


def _test_name(text: str) -> str:
    """The last part of a test's name, without its parameters."""
    last = re.split(r"::| \u203a | > |\.(?=\w)", text.strip())[-1]
    return re.sub(r"\[.*$|\(\)$", "", last).strip()
