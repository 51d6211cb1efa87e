"""How programs say errors: the lines of compilers, interpreters, test runners and tools."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

Match = re.Match[str]


class Rank(IntEnum):
    """How near a line is to what went wrong."""

    ROOT = 0
    """It says what went wrong."""
    MENTION = 1
    """It speaks of an error: a summary, a cause of another error, a line of prose."""
    AFTERMATH = 2
    """It says that something before it went wrong (``make: *** Error 2``)."""


@dataclass(frozen=True, slots=True)
class Said:
    """An error as a line says it. ``message`` may be empty where the type is all there is."""

    type: str
    message: str
    rank: Rank = Rank.ROOT


@dataclass(frozen=True, slots=True)
class _Format:
    """A shape of line, and what it says; None where it only looks like an error."""

    pattern: re.Pattern[str]
    read: Callable[[Match], Said | None]


_CLASS = (
    r"(?P<type>(?:[A-Za-z_$][\w$]{0,60}(?:\.|::|\\)){0,12}[A-Z][\w$]{0,80}"
    r"(?<=Error|ption|ilure|Fault|rrupt|pired|ation|Group|rning|Abort|Panic))"
)
"""The name of an exception class, with its modules: endings of Error, Exception, Failure, Fault,
Interrupt, Expired, Iteration, Group, Warning, Abort, Panic."""

_PLACE = (
    r"(?:[A-Za-z]:)?[^\s:()\[\]'\"]{1,300}"
    r"(?::\d+(?::\d+)?(?:-\d+)?|\(\d+(?:,\d+){0,3}\)|:\[\d+,\d+\])"
)
"""A file with a line, as compilers write them."""

_CODE = r"(?:[A-Z]{1,5}\d{2,5})"
_AT_LINE_START = r"^(?:Uncaught |Unhandled (?:promise )?rejection:? |error: |\[cause\]: |> )?"

INTERRUPTIONS = frozenset({"KeyboardInterrupt", "CancelledError", "SystemExit", "GeneratorExit"})
"""Somebody stopped it: no error."""

ASSERTIONS = frozenset(
    {"AssertionError", "AssertionFailedError", "ComparisonFailure", "AssertionFailure"}
)
"""What failed here is a test: only its name tells one from another."""


def short_type(name: str) -> str:
    """A class without its modules.

    >>> short_type("sqlalchemy.exc.OperationalError")
    'OperationalError'
    """
    return re.split(r"\.|::|\\|\$", name)[-1]


_SYSTEM_CODE = re.compile(r"\b(E(?:CONN\w+|ADDR\w+|[A-Z]{4,18}))\b")


def exception(match: Match, rank: Rank = Rank.ROOT) -> Said | None:
    """An exception with its message. A plain ``Error`` with a system code is of that code."""
    kind, message = short_type(match["type"]), (match["message"] or "").strip()
    if kind in INTERRUPTIONS:
        return None
    code = _SYSTEM_CODE.search(message)
    if kind in ("Error", "FetchError", "AxiosError", "AggregateError") and code:
        kind = code.group(1)
    if kind.endswith(("Group", "Warning")):  # what it groups follows; what warns goes on
        rank = Rank.AFTERMATH
    return Said(kind, message, rank)


def _said(kind: str, rank: Rank = Rank.ROOT) -> Callable[[Match], Said | None]:
    """The message is the group of that name, and the type this or the group's."""

    def read(match: Match) -> Said | None:
        groups = match.groupdict()
        return Said(groups.get("type") or kind, (groups.get("message") or "").strip(), rank)

    return read


def _numbered(kind: str) -> Callable[[Match], Said | None]:
    """A type with a number of the tool's own: ``curl 22``, ``HTTP 404``, ``exit 137``."""

    def read(match: Match) -> Said | None:
        groups = match.groupdict()
        rank = Rank.AFTERMATH if kind == "exit" else Rank.ROOT
        message = (groups.get("message") or "").strip(" :-")
        return Said(f"{kind} {match['number']}", message, rank)

    return read


def _command_not_found(match: Match) -> Said | None:
    return Said("command not found", f"command not found: {match['command']}")


def _conflict(match: Match) -> Said | None:
    return Said("git", f"merge conflict ({match['message']})")


def _rejected(match: Match) -> Said | None:
    return Said("git", f"push rejected: {match['why']}")


def _no_connection(match: Match) -> Said | None:
    return Said("psql", f"connection to server failed: {match['why']}")


def _nothing(_: Match) -> Said | None:
    return None


def _format(pattern: str, read: Callable[[Match], Said | None], flags: int = 0) -> _Format:
    return _Format(re.compile(pattern, flags), read)


_AFTERMATH = _said("error", Rank.AFTERMATH)

_FORMATS = (
    # What looks like an error and is none, or only follows from one.
    _format(r"^ImportError while (?:importing|loading)|^\s*error\[?:? ?0\b|^0 errors", _nothing),
    _format(r"^error: (?P<message>aborting due to .*|could not compile .*)$", _AFTERMATH),
    _format(r"^(?:error: )?(?P<message>test failed, to rerun .*)$", _AFTERMATH),
    _format(
        r"^(?P<message>collect2: error: .*|(?:clang|c\+\+): error: linker command .*)$",
        _AFTERMATH,
    ),
    _format(r"^(?P<message>FAIL\s+\S+ \[(?:build|setup) failed\])$", _AFTERMATH),
    _format(
        r"^(?:\S*make(?:\[\d+\])?: \*\*\* )(?P<message>\[.*\] Error \d+.*)$",
        _said("make", Rank.AFTERMATH),
    ),
    _format(r"^\S*make(?:\[\d+\])?: \*\*\* (?P<message>.*?)\.?(?:\s+Stop\.)?$", _said("make")),
    _format(r"^\[ERROR\] (?P<message>Failed to execute goal .*|COMPILATION ERROR.*)$", _AFTERMATH),
    _format(
        r"^\[ERROR\] (?:->|\[Help \d\]|To see|Re-run|For more|After correcting|Failures:|"
        r"Errors:|Tests run|\s*$)",
        _nothing,
    ),
    _format(
        r"^(?P<message>Execution failed for task .*|BUILD FAILED.*|There were failing tests.*|"
        r"Compilation (?:failed|error).*)$",
        _AFTERMATH,
    ),
    _format(r"^(?:ERROR: )?(?P<message>failed to solve: process .*)$", _AFTERMATH),
    _format(
        r"^(?:error )?(?P<message>Command failed with exit code \d+\.?.*|"
        r"Process completed with exit code \d+\.?)$",
        _AFTERMATH,
    ),
    _format(
        r"^error: (?P<message>failed to push some refs .*|Your local changes .*)$",
        _said("git", Rank.AFTERMATH),
    ),
    # Shells.
    _format(
        r"^(?:[\w./-]+: )?(?:line \d+: |\d+: )?(?P<command>[\w.+/@-]+): (?:command )?not found"
        r"$",
        _command_not_found,
    ),
    _format(r"^(?:zsh: )?command not found: (?P<command>\S+)$", _command_not_found),
    _format(
        r"^'?(?P<command>[\w.+@-]+)'? is not recognized as an internal or external command",
        _command_not_found,
    ),
    _format(r"^(?:\S+ ?: )?The term '(?P<command>[^']+)' is not recognized", _command_not_found),
    _format(
        r"^(?:[\w./-]+: )?(?:line \d+: |\d+: )(?P<message>\S.*: (?:Permission denied|"
        r"No such file or directory|Is a directory|cannot execute.*))$",
        _said("shell"),
    ),
    _format(
        r"^(?:.*: )?(?:line \d+:\s+\d+ )?(?P<message>(?:Segmentation fault|Bus error|Aborted|"
        r"Illegal instruction|Killed)\b(?: \(core dumped\))?)",
        _said("signal"),
    ),
    # Compilers and linkers.
    _format(
        rf"^(?:{_PLACE}:?\s+)(?:- )?(?:fatal )?error:? (?P<type>{_CODE}): (?P<message>.+)$",
        _said("error"),
    ),
    _format(r"^error(?:\[(?P<type>\w+)\])?: (?P<message>.+)$", _said("error")),
    _format(
        rf"^(?:{_PLACE}:?\s+)(?:- )?(?:fatal )?error: (?P<message>.+?)\s+"
        rf"\[(?P<type>[a-z][\w-]+)\]$",
        _said("error"),
    ),
    _format(rf"^(?:{_PLACE}:?\s+)(?:- )?(?:fatal )?error: (?P<message>.+)$", _said("error")),
    _format(rf"^{_PLACE}:?\s+(?P<type>{_CODE}) (?:\[\*\] )?(?P<message>.+)$", _said("lint")),
    _format(r"^\s+\d+:\d+\s+error\s+(?P<message>.+?)\s{2,}(?P<type>[@\w/-]+)$", _said("eslint")),
    _format(r"^(?:vet: )?[\w./-]+\.go:\d+:\d+: (?P<message>.+)$", _said("go")),
    _format(r"^(?:vet: )?[\w./-]+\.go:\d+: (?P<message>.+)$", _said("go", Rank.MENTION)),
    _format(
        r"^go: (?P<message>.*(?:not found|no required|cannot find|unknown|invalid|"
        r"inconsistent|updates to).*)$",
        _said("go"),
    ),
    _format(r"^\[ERROR\] \S+:\[\d+,\d+\] (?:error: )?(?P<message>.+)$", _said("error")),
    _format(r"^e: (?:file://)?\S+:\d+:\d+:? (?P<message>.+)$", _said("error")),
    _format(
        r"^.*?(?P<message>undefined reference to .+|undefined symbols? for architecture .+|"
        r"cannot find -l\S+|library '?\S+'? not found.*)$",
        _said("ld"),
        re.IGNORECASE,
    ),
    _format(r"^LINK : fatal error (?P<type>LNK\d+): (?P<message>.+)$", _said("link")),
    # Interpreters and run times.
    _format(r"^Exception in thread \"[^\"]*\" (?P<type>[\w.$]+)(?:: (?P<message>.*))?$", exception),
    _format(
        r"^(?:PHP )?(?:Fatal|Parse) error:\s+(?:Uncaught (?P<type>[\w\\]+): )?(?P<message>.+?)"
        r"(?: in \S+(?: on line |:)\d+)?$",
        _said("PHP error"),
    ),
    _format(r"^\S+\.rb:\d+:in .+?: (?P<message>.+?) \((?P<type>[\w:]+)\)$", exception),
    _format(r"^\*\* \((?P<type>[\w.]+)\) (?P<message>.+)$", exception),
    _format(r"^panic: (?P<message>.+)$", _said("panic")),
    _format(
        r"^thread '[^']*' (?:\(\d+\) )?panicked at '(?P<message>.*)', \S+:\d+:\d+$", _said("panic")
    ),
    _format(rf"{_AT_LINE_START}{_CLASS}(?: \[(?P<code>\w+)\])?(?:: (?P<message>.*))?$", exception),
    _format(
        rf"{_AT_LINE_START}(?P<type>Error)(?: \[(?P<code>\w+)\])?: (?P<message>.+)$",
        exception,
    ),
    # Tools.
    _format(
        r"^npm (?:ERR!|error) (?P<message>(?:ERESOLVE|[Cc]ould not|[Mm]issing script|enoent|"
        r"No matching|\d{3} |Invalid|network|notarget).*)$",
        _said("npm"),
    ),
    _format(r"^npm (?:ERR!|error)|^yarn run|^pnpm", _nothing),
    _format(r"^(?:docker: )?Error response from daemon: (?P<message>.+)$", _said("docker")),
    _format(r"^(?:ERROR: )?(?P<message>Cannot connect to the Docker daemon.*)$", _said("docker")),
    _format(
        r"^(?:psql(?::\S+?:\d+)?: )?(?:error: )?(?:connection to server .{1,200} failed: )?"
        r"(?:ERROR|FATAL|PANIC):\s+(?:(?P<type>[0-9A-Z]{5}): )?(?P<message>.+)$",
        _said("error"),
    ),
    _format(
        r"^(?:psql: )?(?:error: )?connection to server (?:at|on) .{1,200}? failed: (?P<why>.+)$",
        _no_connection,
    ),
    _format(r"^psql: (?:error: )?(?P<message>.+)$", _said("psql")),
    _format(r"^\S*python[\d.]*: (?P<message>can't open file .+)$", _said("python")),
    _format(r"^fatal: (?P<message>.+)$", _said("git")),
    _format(r"^CONFLICT \((?P<message>[^)]*)\): .*$", _conflict),
    _format(r"^ ?! \[(?:remote )?rejected\].*\((?P<why>[^)]*)\)$", _rejected),
    _format(r"^curl: \((?P<number>\d+)\) (?P<message>.+)$", _numbered("curl")),
    _format(r"^(?:< )?HTTP/[\d.]+ (?P<number>[45]\d\d)(?: (?P<message>.*))?$", _numbered("HTTP")),
    _format(
        r"^(?:.*\b)?(?:status(?: code)?|HTTP)[ :=]+(?P<number>[45]\d\d)\b(?P<message>.*)$",
        _numbered("HTTP"),
        re.IGNORECASE,
    ),
    _format(
        r"^(?:\S.*)?(?:exit(?:ed)?(?: with)?(?: (?:code|status))+:?|Exited \()\s?"
        r"(?P<number>[1-9]\d{0,2})\b",
        _numbered("exit"),
        re.IGNORECASE,
    ),
    # Whatever calls itself an error.
    _format(
        rf"^(?:{_PLACE}:?\s+)?(?:[\w.+/@-]{{1,60}}: )?(?:fatal |internal )?error: (?P<message>.+)$",
        _said("error"),
        re.IGNORECASE,
    ),
    _format(
        r"^(?:\S{1,40} )?(?:\d\S{1,30} )?\[?(?:ERROR|FATAL|CRITICAL)\]?:? +"
        r"(?:[\w.]+ ?[:-] )?(?P<message>\S.+)$",
        _said("error"),
    ),
    _format(rf"^(?P<type>{_CODE}|E[A-Z]{{4,}}): (?P<message>.+)$", _said("error")),
)

_MARKS = (
    *("err", "exception", "fail", "fatal", "panic", "not found", "undefined", "cannot", "can't"),
    *("could not", "denied", "fault", "killed", "abort", "recogni", "conflict", "reject", "***"),
    *(".go:", "status", "http", "exit", "interrupt", "warning", "iteration", "expired", "no such"),
)
_CODED = re.compile(r":\d+:\d+|[A-Z]\d{3}")
"""A line without any of these says no error, and most lines of an output are such."""

_REPORTED = re.compile(
    r"^.{0,80}?\bexit(?:ed)?(?: with)?(?: (?:code|status))? \d{1,3}[:,;] (?P<rest>\S.*)$"
)
"""How people and agents report: ``pytest exit 1: ImportError: ...``."""

_INLINE = (
    re.compile(rf"(?<![\w.]){_CLASS}: (?P<message>\S.*)$"),
    re.compile(r"\b(?:error|fatal)(?:\[(?P<type>\w+)\]| (?P<code>TS\d+))?: (?P<message>\S.*)$"),
)


def read_line(line: str) -> Said | None:
    """The error that a line says, if it does, whatever stands around it."""
    lowered = line.lower()
    if not any(mark in lowered for mark in _MARKS) and not _CODED.search(line):
        return None
    reported = _REPORTED.match(line)
    said = None if reported is None else _read(reported["rest"])
    return said or _read(line)


def _read(line: str) -> Said | None:
    for form in _FORMATS:
        match = form.pattern.match(line)
        if match is not None:
            return form.read(match)
    raised, said = (pattern.search(line) for pattern in _INLINE)
    if raised is not None:
        return exception(raised, Rank.MENTION)
    if said is not None:
        return Said(said["type"] or said["code"] or "error", said["message"], Rank.MENTION)
    return None
