"""How a turn went, by what was seen: one row a situation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hybrid_coordinator.domain.interactions import OutcomeKind, OutcomeSource
from hybrid_coordinator.domain.turns import Turn
from hybrid_coordinator.learning.sessions.signs import infer
from tests.learning.sessions.turns_seen import edited, ran, refused, turn

S, P, F = OutcomeKind.SUCCESS, OutcomeKind.PARTIAL, OutcomeKind.FAILURE
NONE = None
BUG = "Traceback (most recent call last):\n  File \"/app/a.py\", line 3\nKeyError: 'user'"
BUG_LATER = BUG.replace("line 3", "line 9")
COMMITTED = "[main 1a2b3c4d] Fix the login\n 1 file changed"


def following(*prompts: str) -> list[Turn]:
    return [turn(prompt, answer="ok") for prompt in prompts]


ROWS: list[tuple[str, Turn, list[Turn], OutcomeKind | None]] = [
    # Checks
    ("tests pass after an edit", turn("x", edited(), ran("pytest")), [], S),
    ("tests fail after an edit", turn("x", edited(), ran("pytest", 1)), [], F),
    ("failed, then passed", turn("x", ran("pytest", 1), edited(), ran("pytest")), [], S),
    ("passed, then failed", turn("x", edited(), ran("pytest"), ran("pytest", 1)), [], F),
    ("still fails at the end", turn("x", ran("pytest", 1), edited(), ran("pytest", 1)), [], F),
    (
        "tests pass, types fail",
        turn("x", edited(), ran("pytest"), ran("mypy src", 1)),
        [],
        P,
    ),
    (
        "one test file passes, another fails",
        turn("x", edited(), ran("pytest a.py"), ran("pytest b.py", 1)),
        [],
        P,
    ),
    (
        "a failing suite, its test fixed by itself",
        turn("x", ran("pytest", 1), edited(), ran("pytest tests/a.py")),
        [],
        S,
    ),
    ("the build passes", turn("x", edited(), ran("cargo build")), [], S),
    ("the build fails", turn("x", edited(), ran("npm run build", 2)), [], F),
    ("only a linter passes", turn("x", edited(), ran("ruff check .")), [], NONE),
    ("only a linter fails", turn("x", edited(), ran("ruff check .", 1)), [], F),
    ("linter and types pass", turn("x", edited(), ran("ruff check ."), ran("mypy")), [], S),
    ("tests passed before the edit only", turn("x", ran("pytest"), edited()), [], NONE),
    ("tests failed before the edit only", turn("x", ran("pytest", 1), edited()), [], NONE),
    ("asked to run tests, which fail", turn("run the tests", ran("pytest", 1)), [], NONE),
    (
        "a failing test was wanted",
        turn("write a failing test that shows it", edited(), ran("pytest", 1)),
        [],
        NONE,
    ),
    ("the runner is not installed", turn("x", edited(), ran("pytest", 127)), [], NONE),
    ("the tests ran out of time", turn("x", edited(), ran("timeout 5 pytest", 124)), [], NONE),
    ("the status is that of tail", turn("x", edited(), ran("pytest | tail -1", 0)), [], NONE),
    (
        "tail shows that it failed",
        turn("x", edited(), ran("pytest | tail -1", 0, "= 2 failed, 1 passed =")),
        [],
        F,
    ),
    ("other commands only", turn("x", edited(), ran("ls"), ran("cat a", 1)), [], NONE),
    ("nothing but words", turn("explain decorators"), [], NONE),
    (
        "the model praises itself",
        turn("x", answer="Perfect! All tests pass, it works now."),
        [],
        NONE,
    ),
    ("the model says it failed", turn("x", answer="I could not fix it, it still fails."), [], NONE),
    (
        "the next turn's first run passes",
        turn("x", edited()),
        [turn("run the tests", ran("pytest"))],
        S,
    ),
    (
        "the next turn's first run fails",
        turn("x", edited()),
        [turn("run the tests", ran("pytest", 1))],
        F,
    ),
    (
        "the next turn changes something first",
        turn("x", edited()),
        [turn("now the docs", edited("/app/README.md"), ran("pytest", 1))],
        NONE,
    ),
    (
        "the next turn's run, without a change here",
        turn("explain it"),
        [turn("run", ran("pytest"))],
        NONE,
    ),
    (
        "tested here, and broken by what came between",
        turn("x", edited(), ran("pytest")),
        [turn("run the tests", ran("pytest", 1))],
        S,
    ),
    # Words
    ("thanks, it works", turn(), following("works, thanks"), S),
    ("perfect", turn(), following("Perfect!"), S),
    ("looks good, commit", turn(), following("looks good, commit it"), S),
    ("plain thanks", turn(), following("thanks, now add docs"), S),
    ("ok next", turn(), following("ok next: the docs"), NONE),
    ("that's wrong", turn(), following("No, that's wrong"), F),
    ("still fails", turn(), following("it still fails with the same error"), F),
    ("undo", turn(), following("undo that"), F),
    ("a correction", turn(), following("wait, use the other file"), F),
    ("a pasted error", turn("x", edited()), following(f"I get this: {BUG}"), F),
    ("praise and a new error", turn(), following("perfect, but now I get an error in b"), NONE),
    ("a new task", turn(), following("Write an undo feature for the editor"), NONE),
    ("a question", turn(), following("is it fixed?"), NONE),
    (
        "no, in answer to a question",
        turn(answer="Shall I add docs?"),
        following("no, don't do that"),
        NONE,
    ),
    ("German", turn(), following("das funktioniert immer noch nicht"), F),
    ("French", turn(), following("parfait, merci"), S),
    ("Spanish", turn(), following("no funciona"), F),
    ("Portuguese", turn(), following("perfeito, obrigado"), S),
    ("Italian", turn(), following("non funziona"), F),
    ("Russian", turn(), following("не работает"), F),
    ("Chinese", turn(), following("还是报错"), F),
    ("Japanese", turn(), following("動きました、ありがとう"), S),
    ("Korean", turn(), following("안돼요"), F),
    ("words after the next turn", turn(), following("Add docs to the parser", "perfect!"), NONE),
    ("a subagent's words are a model's", turn(agent="Explore"), following("perfect"), NONE),
    ("of a subagent's turns in between", turn(), [turn("no, that's wrong", agent="Explore")], NONE),
    # The user against the checks
    (
        "tests pass, the user says it is wrong",
        turn("x", edited(), ran("pytest")),
        following("No, that's wrong"),
        F,
    ),
    (
        "tests fail, the user is content",
        turn("x", edited(), ran("ruff check .", 1)),
        following("works, thanks"),
        S,
    ),
    (
        "tests pass, a mild doubt",
        turn("x", edited(), ran("pytest")),
        following("wait, use tabs"),
        S,
    ),
    # What the user did
    (
        "the same again",
        turn("Fix the login of the shop"),
        following("fix the login of the shop"),
        F,
    ),
    (
        "almost the same again",
        turn("please fix the broken login of the shop"),
        following("please fix the broken login of the shop now"),
        F,
    ),
    (
        "almost the same, for something else",
        turn("please write the page number 4 of the long manual for the new users of the shop"),
        following(
            "please write the page number 5 of the long manual for the new users of the shop"
        ),
        NONE,
    ),
    ("broken off", turn(interrupted=True), [], F),
    ("broken off after tests passed", turn("x", edited(), ran("pytest"), interrupted=True), [], S),
    ("one step refused", turn("x", refused()), [], NONE),
    ("refused and broken off", turn("x", refused(), interrupted=True), [], F),
    ("one step refused, then thanks", turn("x", refused()), following("thanks, add docs"), NONE),
    # Commits
    (
        "committed, and nothing after",
        turn("x", edited(), ran("git commit -am x", 0, COMMITTED)),
        [],
        NONE,
    ),
    (
        "a commit that was kept",
        turn("x", edited(), ran("git commit -am x", 0, COMMITTED)),
        following("Add docs"),
        S,
    ),
    (
        "a commit that was reverted",
        turn("x", edited(), ran("pytest"), ran("git commit -am x", 0, COMMITTED)),
        [turn("go back", ran("git revert --no-edit HEAD"))],
        F,
    ),
    (
        "reverted by its hash, later",
        turn("x", edited(), ran("git commit -am x", 0, COMMITTED)),
        [turn("a", ran("git commit -am y")), turn("b", ran("git revert 1a2b3c4"))],
        F,
    ),
    (
        "another commit was reverted",
        turn("x", edited(), ran("git commit -am x", 0, COMMITTED)),
        [turn("a", ran("git commit -am y")), turn("b", ran("git revert HEAD"))],
        S,
    ),
    (
        "reset behind it",
        turn("x", edited(), ran("git commit -am x", 0, COMMITTED)),
        [turn("drop it", ran("git reset --hard HEAD~1"))],
        F,
    ),
    (
        "its edits were checked out",
        turn("x", edited()),
        [turn("throw it away", ran("git checkout -- src/login.py"))],
        F,
    ),
    (
        "another file was checked out",
        turn("x", edited()),
        [turn("b", ran("git checkout -- src/other.py"))],
        NONE,
    ),
    (
        "another branch was checked out",
        turn("x", edited()),
        [turn("b", ran("git checkout main"))],
        NONE,
    ),
    (
        "checked out after it was committed",
        turn("x", edited()),
        [turn("a", ran("git commit -am y")), turn("b", ran("git checkout -- src/login.py"))],
        NONE,
    ),
    ("everything was restored", turn("x", edited()), [turn("b", ran("git restore ."))], F),
    # Errors
    (
        "the error is gone",
        turn(f"fix this: {BUG}", edited()),
        [turn("Add docs to the parser", ran("python app.py"))],
        S,
    ),
    (
        "the error comes back",
        turn(f"fix this: {BUG}", edited()),
        [turn("start it", ran("python app.py", 1, BUG_LATER))],
        F,
    ),
    (
        "the error was not looked for",
        turn(f"fix this: {BUG}", edited()),
        following("Add docs"),
        NONE,
    ),
    (
        "an error without a change",
        turn(f"explain this: {BUG}"),
        [turn("Add docs", ran("python app.py"))],
        NONE,
    ),
]


@pytest.mark.parametrize(
    ("seen", "later", "kind"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS]
)
def test_what_is_inferred(seen: Turn, later: list[Turn], kind: OutcomeKind | None) -> None:
    outcome = infer(seen, later)
    assert (outcome and outcome.kind) == kind
    if outcome is not None:
        assert outcome.source is OutcomeSource.INFERRED
        assert 0.5 < outcome.confidence < 1
        assert outcome.evidence


def test_the_table_is_of_sixty_rows_and_more() -> None:
    assert len(ROWS) >= 60


@pytest.mark.parametrize("answer", ["", "It failed.", "Perfect, all 40 tests pass! I am sure."])
@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_the_models_own_words_change_nothing(
    row: tuple[str, Turn, list[Turn], OutcomeKind | None], answer: str
) -> None:
    _, seen, later, _ = row
    if not seen.response.endswith("?"):
        assert infer(replace(seen, response=answer), later) == infer(seen, later)


@pytest.mark.parametrize(
    ("said", "feedback"),
    [
        ("works, thanks", 1),
        ("Perfect!", 1),
        ("No, that's wrong", -1),
        ("undo that", -1),
        ("thanks, now add docs", 0),
        ("wait, use the other file", 0),
        ("ok next", 0),
        ("Add docs", 0),
    ],
)
def test_only_clear_words_are_a_thumb(said: str, feedback: int) -> None:
    outcome = infer(turn("x", edited(), ran("pytest")), following(said))
    assert outcome is not None
    assert outcome.feedback == feedback


def test_more_evidence_makes_it_surer_and_contradictions_less() -> None:
    def confidence(seen: Turn, *said: str) -> float:
        outcome = infer(seen, following(*said))
        assert outcome is not None
        return outcome.confidence

    tested = turn("x", edited(), ran("pytest"))
    assert confidence(turn(), "thanks") < confidence(tested) < confidence(tested, "perfect")
    assert confidence(tested, "wait, use tabs") < confidence(tested)
    fixed = turn("x", ran("pytest", 1), edited(), ran("pytest"))
    assert confidence(tested) < confidence(fixed)


def test_the_evidence_says_what_was_seen_the_strongest_first() -> None:
    seen = turn("x", ran("pytest -q", 1), edited(), ran("pytest -q"))
    outcome = infer(seen, following("thanks, now add docs"))
    assert outcome is not None
    assert outcome.evidence == (
        "`pytest -q` passed after failing, exit code 0; "
        'the user went on with "thanks, now add docs"'
    )


def test_more_of_the_same_makes_it_little_surer() -> None:
    def sure(*files: str) -> float:
        outcome = infer(turn("x", edited(), *(ran(f"pytest {file}") for file in files)), [])
        assert outcome is not None
        return outcome.confidence

    assert sure("a.py") == 0.9
    assert sure("a.py") < sure("a.py", "b.py") < 0.95
