"""The steps of a session that matter to a failure: what ran and how it ended, what was changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from hybrid_coordinator.domain.checks_run import checks_of
from hybrid_coordinator.domain.episodes import Episode
from hybrid_coordinator.domain.error_signatures import ErrorSignature, signatures
from hybrid_coordinator.domain.shell import SimpleCommand, simple_commands
from hybrid_coordinator.domain.turns import Action, ActionKind

_STOPPED = frozenset({124, 130, 137, 143})
"""Exit statuses of what was timed out, interrupted, killed or ended: no error of its own."""

_LOOKING = frozenset(
    {
        *("ls", "cat", "head", "tail", "grep", "rg", "find", "fd", "sed", "awk", "wc", "stat"),
        *("file", "which", "type", "test", "[", "diff", "echo", "printf", "pwd", "cd", "tree"),
        *("env", "ps", "du", "df", "less", "more", "sort", "uniq", "cut", "jq", "xargs", "sleep"),
    }
)
"""Programs that look at something: that they find nothing is no error to learn from."""

_CHANGING = frozenset(
    {
        *("mkdir", "touch", "cp", "mv", "rm", "ln", "chmod", "chown", "patch", "kill", "pkill"),
        *("createdb", "dropdb", "systemctl", "service", "apt", "apt-get", "dnf", "yum", "apk"),
        *("brew", "pacman", "rustup", "nvm", "pyenv", "corepack", "alembic", "export", "unset"),
    }
)
_CHANGING_WITH = {
    "pip": {"install", "uninstall"},
    "pip3": {"install", "uninstall"},
    "uv": {"add", "remove", "sync", "lock", "pip", "venv"},
    "poetry": {"add", "remove", "install", "lock", "update"},
    "pipenv": {"install", "lock", "sync"},
    "conda": {"install", "create", "update"},
    "npm": {"install", "i", "ci", "uninstall", "update", "link", "dedupe", "rebuild"},
    "pnpm": {"install", "i", "add", "remove", "update"},
    "yarn": {"install", "add", "remove", "upgrade"},
    "bun": {"install", "add", "remove"},
    "cargo": {"add", "remove", "update", "fix", "clean"},
    "go": {"get", "mod", "install", "clean", "generate"},
    "bundle": {"install", "update"},
    "gem": {"install"},
    "composer": {"install", "require", "update"},
    "dotnet": {"add", "restore", "clean"},
    "git": {"checkout", "switch", "restore", "reset", "revert", "stash", "pull", "merge", "rebase"}
    | {"apply", "cherry-pick", "submodule", "init", "config", "remote", "lfs", "clean", "am"},
    "docker": {"start", "stop", "restart", "run", "rm", "pull", "login", "compose", "network"}
    | {"volume", "prune", "system"},
    "docker-compose": {"up", "down", "start", "restart", "pull"},
    "manage.py": {"migrate", "makemigrations", "loaddata", "collectstatic"},
    "rails": {"db:migrate", "db:create", "db:setup"},
    "ruff": {"format", "--fix"},
    "sed": {"-i"},
    "make": {"clean", "install", "migrate", "deps", "setup", "generate"},
    "terraform": {"init", "apply", "force-unlock"},
}
"""Programs that change something, some of them with one of these words only."""

_INERT = re.compile(
    r"(?:^|/)(?:readme|changelog|license|contributing|authors|notes?|todo)[^/]*$"
    r"|\.(?:md|mdx|rst|adoc|txt|css|scss|less|svg|png|jpe?g|gif|ico|webp|woff2?)$",
    re.IGNORECASE,
)
_NOT_INERT = re.compile(r"(?:requirements|constraints)[^/]*\.txt$|CMakeLists\.txt$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Run:
    """A command or tool that ran. ``scope`` says what it is, whatever its options; ``targets`` what
    it was limited to, nothing for everything. ``passed`` is None where that cannot be told.
    ``errors`` are what it printed of errors, the root one first."""

    scope: tuple[str, ...]
    targets: frozenset[str]
    passed: bool | None
    line: str
    exit_code: int | None
    printed: str
    errors: tuple[ErrorSignature, ...] = ()

    @property
    def root(self) -> ErrorSignature | None:
        """What went wrong, if it says so."""
        return next((each for each in self.errors if each.telling), None)

    def covers(self, earlier: Run) -> bool:
        """Whether this one would have come upon what the earlier one did: the same again, or one
        that is limited to what the earlier one complained of."""
        if self.scope != earlier.scope:
            return False
        if not self.targets or (earlier.targets and self.targets >= earlier.targets):
            return True
        return all(target in earlier.printed for target in self.targets)


@dataclass(frozen=True, slots=True)
class Change:
    """A file that was edited (``path``), or a command that changed something (``line``)."""

    path: str = ""
    line: str = ""
    detail: str = ""

    def bears_on(self, printed: str) -> bool:
        """Whether it can have to do with an error: prose and pictures do only if it names them."""
        if not self.path or not _INERT.search(self.path) or _NOT_INERT.search(self.path):
            return True
        return self.path.rsplit("/", 1)[-1] in printed


@dataclass(frozen=True, slots=True)
class Step:
    """Runs and changes of one action of an episode, which is named by its place."""

    episode: int
    runs: tuple[Run, ...]
    changes: tuple[Change, ...]


def steps_of(episodes: Sequence[Episode]) -> list[Step]:
    """The steps of a session in the order in which they were taken: subagents work while the turn
    goes on that called them. A clock that went back within an episode changes nothing."""
    timed: list[tuple[datetime, int, int, Action]] = []
    for place, episode in enumerate(episodes):
        now = episode.created_at
        for position, action in enumerate(episode.actions):
            now = max(now, action.at or now)
            timed.append((now, place, position, action))
    timed.sort(key=lambda each: each[:3])
    return [
        Step(place, tuple(_runs(action)), tuple(_changes(action))) for _, place, _, action in timed
    ]


def _runs(action: Action) -> Iterator[Run]:
    if action.kind is ActionKind.EDIT or action.exit_code in _STOPPED:
        return
    errors = signatures(action.detail)
    if action.kind is ActionKind.TOOL:
        yield _run(action, ("tool", action.subject), frozenset(), action.ok, errors)
        return
    checks = checks_of([action])
    for check in checks:
        # What did not get so far as to check anything failed all the same.
        passed = False if check.passed is None and not action.ok else check.passed
        yield _run(action, (check.kind, check.tool), check.targets, passed, errors)
    if checks:
        return
    telling = [each for each in simple_commands(action.subject) if each.program not in _LOOKING]
    if len(telling) == 1:
        (command,) = telling
        words = tuple(word for word in command.arguments if not re.match(r"[&\d]*[<>]", word))
        passed = action.ok if command.decides or not action.ok else None
        yield _run(action, (command.program, *words), frozenset(), passed, errors)


def _run(
    action: Action,
    scope: tuple[str, ...],
    targets: frozenset[str],
    passed: bool | None,
    errors: tuple[ErrorSignature, ...],
) -> Run:
    return Run(scope, targets, passed, action.subject, action.exit_code, action.detail, errors)


def _changes(action: Action) -> Iterator[Change]:
    if not action.ok:
        return
    if action.kind is ActionKind.EDIT:
        yield Change(path=action.subject, detail=action.detail)
    elif action.kind is ActionKind.COMMAND and any(
        _is_change(command) for command in simple_commands(action.subject)
    ):
        yield Change(line=action.subject)


def _is_change(command: SimpleCommand) -> bool:
    if command.program in _CHANGING:
        return True
    known = _CHANGING_WITH.get(command.program)
    return known is not None and not known.isdisjoint(command.arguments[:3])
