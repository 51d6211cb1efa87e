"""Checks that an agent ran: which command is a test, a build or a linter, and how it ended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hybrid_coordinator.domain.shell import SimpleCommand, simple_commands
from hybrid_coordinator.domain.turns import Action, ActionKind


class CheckKind(StrEnum):
    """What a check looks at: behaviour, whether it builds, or its form and types."""

    TEST = "test"
    BUILD = "build"
    LINT = "lint"


@dataclass(frozen=True, slots=True)
class Check:
    """A run of a check; ``passed`` is None where it cannot be told. ``targets`` are what it was
    limited to: paths, names; nothing is everything. ``position`` is that of its action."""

    kind: CheckKind
    tool: str
    targets: frozenset[str]
    passed: bool | None
    position: int
    command: str
    exit_code: int | None

    def covers(self, earlier: Check) -> bool:
        """Whether this run looked at all that an earlier one had."""
        if (self.kind, self.tool) != (earlier.kind, earlier.tool):
            return False
        return not self.targets or (bool(earlier.targets) and self.targets >= earlier.targets)


_TEST, _BUILD, _LINT = CheckKind.TEST, CheckKind.BUILD, CheckKind.LINT

_ALONE: dict[str, CheckKind] = {
    name: kind
    for kind, names in {
        _TEST: (
            *(
                "pytest",
                "py.test",
                "unittest",
                "nose2",
                "nosetests",
                "tox",
                "nox",
                "trial",
                "green",
            ),
            *("jest", "vitest", "mocha", "ava", "karma", "tap", "newman", "nextest", "ctest"),
            *("phpunit", "pest", "paratest", "rspec", "minitest", "cucumber", "behave"),
            *("bats", "busted", "prove"),
        ),
        _BUILD: (
            *("tsc", "webpack", "rollup", "esbuild", "ninja", "scons", "msbuild", "hugo"),
            *("gcc", "g++", "clang", "clang++", "nvcc", "rustc", "javac", "sphinx-build", "mkdocs"),
        ),
        _LINT: (
            *("ruff", "flake8", "pylint", "pycodestyle", "pyflakes", "bandit", "lint-imports"),
            *("mypy", "pyright", "basedpyright", "ty", "eslint", "tslint", "oxlint", "biome"),
            *("stylelint", "golangci-lint", "staticcheck", "rubocop", "phpstan", "psalm"),
            *("shellcheck", "hadolint", "ktlint", "detekt", "swiftlint", "clang-tidy"),
            *("cppcheck", "yamllint", "markdownlint"),
        ),
    }.items()
    for name in names
}
"""Programs that do nothing else."""

_FORMATTERS = {"black": "--check", "isort": "--check", "prettier": "--check", "gofmt": "-l"}
"""Programs that check with this option and rewrite without it."""

_WITH_WORD: dict[str, dict[str, CheckKind]] = {
    "cargo": {"test": _TEST, "nextest": _TEST, "build": _BUILD, "check": _BUILD, "clippy": _LINT},
    "go": {"test": _TEST, "build": _BUILD, "vet": _LINT},
    "dotnet": {"test": _TEST, "build": _BUILD},
    "swift": {"test": _TEST, "build": _BUILD},
    "mix": {"test": _TEST, "compile": _BUILD, "credo": _LINT},
    "deno": {"test": _TEST, "lint": _LINT, "check": _LINT},
    "node": {"--test": _TEST},
    "bazel": {"test": _TEST, "build": _BUILD},
    "meson": {"test": _TEST, "compile": _BUILD},
    "cmake": {"--build": _BUILD},
    "xcodebuild": {"test": _TEST, "build": _BUILD},
    "sbt": {"test": _TEST, "compile": _BUILD},
    "stack": {"test": _TEST, "build": _BUILD},
    "cabal": {"test": _TEST, "build": _BUILD},
    "zig": {"test": _TEST, "build": _BUILD},
    "dart": {"test": _TEST, "analyze": _LINT},
    "flutter": {"test": _TEST, "build": _BUILD, "analyze": _LINT},
    "lein": {"test": _TEST},
    "rails": {"test": _TEST},
    "hatch": {"test": _TEST, "build": _BUILD},
    "playwright": {"test": _TEST},
    "cypress": {"run": _TEST},
    "next": {"build": _BUILD, "lint": _LINT},
    "vite": {"build": _BUILD},
    "terraform": {"validate": _LINT},
    "docker": {"build": _BUILD},
    "ng": {"test": _TEST, "build": _BUILD, "lint": _LINT},
    "nx": {"test": _TEST, "build": _BUILD, "lint": _LINT},
    "turbo": {"test": _TEST, "build": _BUILD, "lint": _LINT},
    "manage.py": {"test": _TEST, "check": _LINT},
    "django-admin": {"test": _TEST},
    "artisan": {"test": _TEST},
}
"""Programs whose first words say what they do."""

_TASK_RUNNERS = {"npm", "yarn", "pnpm", "bun", "make", "gmake", "just", "task", "rake", "composer"}
_JVM = {"mvn", "mvnw", "gradle", "gradlew", "ant"}
_TASK_WORDS: tuple[tuple[re.Pattern[str], CheckKind], ...] = (
    (re.compile(r"(^|[:_.-])(tests?|specs?|check|e2e|unit|integration|verify|t)($|[:_.-])"), _TEST),
    (
        re.compile(
            r"(^|[:_.-])(lint|typecheck|type-check|types|mypy|ruff|eslint|tsc|fmt-check|vet)($|[:_.-])"
        ),
        _LINT,
    ),
    (
        re.compile(
            r"(^|[:_.-])(build|compile|package|assemble|all|dist|install|classes|bundle|docs|html)($|[:_.-])"
        ),
        _BUILD,
    ),
)
_PACKAGE_MANAGERS = {"npm", "yarn", "pnpm", "bun", "composer"}
_SELECTORS = {"-k", "-t", "-m", "-run", "--filter", "--grep", "--testNamePattern"}

_NOT_A_RUN = {"--version", "--help", "-h", "--collect-only", "--co", "--fixtures", "--list", "-V"}


def checks_of(actions: Sequence[Action]) -> list[Check]:
    """The checks among the steps of a turn, in order."""
    return [
        check
        for position, action in enumerate(actions)
        if action.kind is ActionKind.COMMAND
        for check in _checks(action, position)
    ]


def last_runs(checks: Sequence[Check]) -> list[tuple[Check, bool]]:
    """The runs that were told and that no later one covers, each with whether an earlier run that
    it covers had failed."""
    told = [check for check in checks if check.passed is not None]
    return [
        (check, any(check.covers(one) and not one.passed for one in told[:place]))
        for place, check in enumerate(told)
        if not any(later.covers(check) for later in told[place + 1 :])
    ]


def _checks(action: Action, position: int) -> list[Check]:
    commands = simple_commands(action.subject)
    found = [
        (command, identified)
        for command in commands
        if (identified := identify(command)) is not None
    ]
    return [
        Check(
            kind,
            tool,
            _targets(command, kind, {*tool.split(), "check"}),
            _passed(action, command, kind, alone=len(found) == 1),
            position,
            action.subject,
            action.exit_code,
        )
        for command, (kind, tool) in found
    ]


def identify(command: SimpleCommand) -> tuple[CheckKind, str] | None:
    """The kind of check that a command is, and the tool's name; None if it is none."""
    program, words = command.program, command.arguments
    if _NOT_A_RUN.intersection(words):
        return None
    if program in _FORMATTERS:
        return (_LINT, program) if _FORMATTERS[program] in words else None
    if program in _ALONE:
        if program == "ruff" and words[:1] == ("format",) and "--check" not in words:
            return None
        return _ALONE[program], program
    if program.startswith("python") or program in ("php", "ruby"):
        return _script(words)
    if program in _WITH_WORD:
        return _by_word(program, words)
    if program in _TASK_RUNNERS or program in _JVM:
        return _task(program, words)
    if (
        re.fullmatch(r"run[-_]?tests?|test|tests|runtests\.py", program)
        and command.program != "test"
    ):
        return _TEST, program
    return None


def _script(words: Sequence[str]) -> tuple[CheckKind, str] | None:
    """`python manage.py test`, `python tests/test_x.py`, `php artisan test`."""
    if not words:
        return None
    name = words[0].rsplit("/", 1)[-1]
    if name in _WITH_WORD:
        return _by_word(name, words[1:])
    if re.fullmatch(r"(run_?)?tests?(_\w+)?\.(py|php|rb)|\w+_(test|spec)\.(py|rb)", name):
        return _TEST, name
    return None


def _by_word(program: str, words: Sequence[str]) -> tuple[CheckKind, str] | None:
    known = _WITH_WORD[program]
    # Options and a toolchain (`cargo +nightly test`) may stand before the word.
    for word in words[:3]:
        if word in known:
            return known[word], f"{program} {word}"
    return None


def _task(program: str, words: Sequence[str]) -> tuple[CheckKind, str] | None:
    names = [word for word in words if not word.startswith("-") and "=" not in word]
    if program in _PACKAGE_MANAGERS:
        if names[:1] in (["run"], ["run-script"]):
            names = names[1:]
        elif names[:1] not in (["test"], ["t"], ["lint"], ["build"], ["check"], ["tsc"]):
            return None
        names = names[:1]
    elif not names and program in ("make", "gmake", "ninja"):
        return _BUILD, program
    for name in names:
        # Gradle names its tasks like `:app:testDebugUnitTest`.
        parts = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower() if program in _JVM else name
        for pattern, kind in _TASK_WORDS:
            if pattern.search(parts):
                return kind, f"{program} {name}"
    return None


def _targets(command: SimpleCommand, kind: CheckKind, own: set[str]) -> frozenset[str]:
    """What a run is limited to: its arguments that are no options, and the names it selects.
    ``own`` are the words that say which tool it is."""
    if command.program in _TASK_RUNNERS | _JVM or kind is CheckKind.BUILD:
        return frozenset()
    selected = set()
    takes_value = False
    for word in command.arguments:
        if word in own:
            continue
        if takes_value:
            selected.add(word)
            takes_value = False
        elif word in _SELECTORS:
            takes_value = True
        elif not word.startswith(("-", ">", "<")) and not re.fullmatch(
            r"\d+|[&\d]*>.*|\.|\./\.\.\.", word
        ):
            selected.add(word.rstrip("/"))
    return frozenset(selected)


_DID_NOT_RUN = {124, 126, 127, 130, 137, 143}
"""Timed out, not executable, not found, interrupted, killed, ended."""

_PASSED_WORDS: tuple[re.Pattern[str], ...] = (
    re.compile(r"^=* ?(\d+ passed)(?!.*\b[1-9]\d* (failed|error))", re.MULTILINE),
    re.compile(r"^(Ran [1-9]\d* tests? in [\s\S]{0,80}\n)OK\b", re.MULTILINE),
    re.compile(r"^test result: ok\. [1-9]", re.MULTILINE),
    re.compile(r"^Tests?:\s+(?!.*\bfailed)(.*\b)?[1-9]\d* passed", re.MULTILINE),
    re.compile(r"^[ \t]*Tests[ \t]+(?!.*\bfailed)[1-9]\d* passed", re.MULTILINE),
    re.compile(r"^ok\s+\S+\s+(\d|\(cached\))", re.MULTILINE),
    re.compile(r"\bBUILD SUCCESS(FUL)?\b"),
    re.compile(r"^100% tests passed", re.MULTILINE),
    re.compile(r"^Passed!\s+- Failed:\s+0", re.MULTILINE),
    re.compile(r"^OK \([1-9]\d* tests?", re.MULTILINE),
    re.compile(r"^[1-9]\d* examples?, 0 failures", re.MULTILINE),
    re.compile(r"^[ \t]*[1-9]\d* passing\b(?![\s\S]{0,200}\b[1-9]\d* failing)", re.MULTILINE),
    re.compile(r"^All checks passed!", re.MULTILINE),
    re.compile(r"^Success: no issues found", re.MULTILINE),
)
_FAILED_WORDS: tuple[re.Pattern[str], ...] = (
    re.compile(r"\b[1-9]\d* (failed|failures?|failing|errors?)\b(?! tolerated)"),
    re.compile(r"^(FAILED|FAIL|ERROR)\b", re.MULTILINE),
    re.compile(r"^test result: FAILED", re.MULTILINE),
    re.compile(r"\bBUILD FAIL(URE|ED)\b"),
    re.compile(r"^error(\[\w+\])?: |: error(:| TS\d+)", re.MULTILINE),
    re.compile(r"^Found [1-9]\d* (errors?|issues?)", re.MULTILINE),
    re.compile(r"^npm (ERR!|error)|^g?make(\[\d+\])?: \*\*\* ", re.MULTILINE),
    re.compile(r"Tests failed: [1-9]|Failures: [1-9]|Failed:\s+[1-9]"),
)
_NOTHING_RAN = re.compile(
    r"no tests ran|collected 0 items|Ran 0 tests|no test files|No tests found|0 passing"
    r"|command not found|No module named|Missing script|No rule to make target|is not recognized",
    re.IGNORECASE,
)
_RUST_RUNS = re.compile(r"running (0 tests|[1-9])", re.IGNORECASE)
"""One line for each of a package's programs, most of which have no tests."""


def _passed(action: Action, command: SimpleCommand, kind: CheckKind, *, alone: bool) -> bool | None:
    """How one of a line's checks ended, by the exit status where it tells, else by what the line
    printed."""
    code = action.exit_code if action.exit_code is not None else (0 if action.ok else None)
    if code in _DID_NOT_RUN or (command.program == "pytest" and code in (4, 5)):
        return None
    printed = action.detail
    if kind is CheckKind.TEST and _nothing_ran(printed) and not _says_passed(printed):
        return None
    if code == 0 and command.decides:  # `a && b` too: both went well
        return True
    if code not in (0, None) and alone and command.decides and command.reached:
        return False
    return _by_words(printed)


def _nothing_ran(printed: str) -> bool:
    runs = _RUST_RUNS.findall(printed)
    return bool(_NOTHING_RAN.search(printed)) or (bool(runs) and runs[-1] == "0 tests")


def _by_words(printed: str) -> bool | None:
    failed = any(pattern.search(printed) for pattern in _FAILED_WORDS)
    if failed:
        return False
    return True if _says_passed(printed) else None


def _says_passed(printed: str) -> bool:
    return any(pattern.search(printed) for pattern in _PASSED_WORDS)
