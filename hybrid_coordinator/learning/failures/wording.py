"""How a failure and its solution are put into words: from what was seen, and the agent's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from hybrid_coordinator.domain.error_signatures import ErrorSignature
from hybrid_coordinator.domain.words import words
from hybrid_coordinator.learning.failures.pairs import Failure
from hybrid_coordinator.learning.failures.steps import Change, Run

_MAX_WORDS = 600
"""Characters of the agent's own words."""
_MAX_DETAIL = 160
_MAX_LINE = 120
_MOST_FILES = 6
_MOST_DETAILED = 2
"""Files of which it is said what changed in them; of more nobody can tell which part helped."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_ABOUT_A_FIX = re.compile(
    r"\b(?:fix\w*|caus\w+|because|since|due to|issue|problem|wrong|missing|instead|need\w*|"
    r"chang\w+|add\w*|replac\w+|remov\w+|renam\w+|updat\w+|install\w*|import\w*|mov\w+|mistake|bug|error|"
    r"turned out|root)\b",
    re.IGNORECASE,
)
_PROOF_TOLD = re.compile(
    r"\b(?:exit(?:ed)?(?: with)?(?: (?:code|status))?:? ?0|[1-9]\d* passed|pass(?:es|ed)?|"
    r"succe(?:eds|eded|ss)|green|builds?|compiles|works|ok)\b",
    re.IGNORECASE,
)

_LANGUAGES = {
    "py": "Python",
    "pyi": "Python",
    "js": "JavaScript",
    "jsx": "JavaScript",
    "mjs": "JavaScript",
    "ts": "TypeScript",
    "tsx": "TypeScript",
    "rs": "Rust",
    "go": "Go",
    "java": "Java",
    "kt": "Kotlin",
    "rb": "Ruby",
    "php": "PHP",
    "c": "C",
    "h": "C",
    "cpp": "C++",
    "cc": "C++",
    "cs": "C#",
    "swift": "Swift",
    "sql": "SQL",
    "sh": "shell",
}

_CHANGED, _RAN, _PROVED, _TRIED = "Changed: ", "Ran: ", "Verified: ", "Did not help: "


def solution(failure: Failure, response: str) -> str:
    """What solved a failure: the agent's words, what was changed, and what showed it."""
    return "\n".join(
        line
        for line in (
            _own_words(response, failure),
            *_changes(failure.fix),
            f"{_PROVED}{proof(failure)}." if proved(failure) else "",
            _tried(failure.tried),
        )
        if line
    )


def caution(failure: Failure, response: str) -> str:
    """What did not solve a failure, by what was tried; empty if nothing is known to have been."""
    tried = _tried(failure.tried)
    own = "" if failure.run else _own_words(response, failure)
    if not (tried or own):
        return ""
    return "\n".join(line for line in ("Not solved yet.", tried or f"{_TRIED}{own}") if line)


def pitfall(failure: Failure, response: str) -> str:
    """An error and what solved it, on one line."""
    solved = solution(failure, response).splitlines()[0]
    return f"{failure.signature.title}: {_clip(solved, _MAX_DETAIL)}"


def proved(failure: Failure) -> bool:
    """Whether it was seen that the solution works, rather than said."""
    return failure.proof is not None or bool(_PROOF_TOLD.search(failure.told))


def proof(failure: Failure) -> str:
    """What showed that it works: "`pytest -q` exit 0 after the change"."""
    if failure.proof is None:
        return _clip(failure.told, _MAX_LINE).rstrip(".")
    ended = "passed" if failure.proof.exit_code is None else f"exit {failure.proof.exit_code}"
    return f"`{_clip(failure.proof.line, _MAX_LINE)}` {ended} after the change"


def setting(failure: Failure) -> str:
    """What was being done: the command or tool, and the language of what was changed."""
    return "; ".join(dict.fromkeys(filter(None, (_tool(failure.run), *_languages(failure.fix)))))


def same_solution(one: str, other: str) -> bool:
    """Whether two solutions of the same error say the same, by their words without what proved
    them: the shorter one has half of its words in the longer one."""
    mine, theirs = _said(one), _said(other)
    smaller = min(len(mine), len(theirs))
    return smaller == 0 or len(mine & theirs) / smaller >= _SAME_SHARE


_SAME_SHARE = 0.5


def _said(text: str) -> set[str]:
    kept = [line for line in text.splitlines() if not line.startswith((_PROVED, _TRIED))]
    return {word for word in words("\n".join(kept)) if len(word) > 2 and not word.isdigit()}


def _own_words(response: str, failure: Failure) -> str:
    """The sentences of an answer that speak of the error or of what was changed; without any, the
    beginning of it."""
    sentences = [part.strip() for part in _SENTENCE.split(response) if part.strip()]
    named = _names(failure.signature) | {_base(change.path) for change in failure.fix}
    telling = [
        sentence
        for sentence in sentences
        if _ABOUT_A_FIX.search(sentence) or any(name and name in sentence for name in named)
    ]
    return _clip(" ".join(telling or sentences), _MAX_WORDS)


def _names(signature: ErrorSignature) -> set[str]:
    return {signature.error_type, *re.findall(r"'([^']{3,60})'", signature.message)}


def _changes(changes: Sequence[Change]) -> Iterator[str]:
    paths = list(dict.fromkeys(change.path for change in changes if change.path))
    details: dict[str, str] = {}
    for change in changes:
        if change.path and change.detail.strip():
            details[change.path] = _clip(change.detail, _MAX_DETAIL)
    if paths:
        detailed = len(paths) <= _MOST_DETAILED
        files = [
            f"{_short(path)} ({details[path]})" if detailed and path in details else _short(path)
            for path in paths[:_MOST_FILES]
        ]
        more = len(paths) - len(files)
        yield _CHANGED + ", ".join(files) + (f" and {more} more" if more > 0 else "")
    lines = list(dict.fromkeys(change.line for change in changes if change.line))
    if lines:
        yield _RAN + ", ".join(f"`{_clip(line, _MAX_LINE)}`" for line in lines[:_MOST_FILES])


def _tried(changes: Sequence[Change]) -> str:
    tried = list(
        dict.fromkeys(
            f"a change of {_short(change.path)}"
            if change.path
            else f"`{_clip(change.line, _MAX_LINE)}`"
            for change in changes
        )
    )
    return _TRIED + ", ".join(tried[:_MOST_FILES]) if tried else ""


def _tool(run: Run | None) -> str:
    if run is None:
        return ""
    kind, *rest = run.scope
    if kind in ("test", "build", "lint", "tool"):
        return _clip(" ".join(rest), 60)
    return _clip(" ".join(run.scope[:2]), 60)


def _languages(changes: Sequence[Change]) -> Iterator[str]:
    for change in changes:
        language = _LANGUAGES.get(change.path.rpartition(".")[2].lower())
        if language:
            yield language


def _short(path: str) -> str:
    """A path by its last two parts: what lies above differs by machine."""
    parts = path.replace("\\", "/").rstrip("/").split("/")
    return "/".join(part for part in parts[-2:] if part)


def _base(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _clip(text: str, most: int) -> str:
    """The text on one line, with whole words."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    head = line[: most - 2]
    return f"{(head.rpartition(' ')[0] or head).rstrip(',;:')} …"
