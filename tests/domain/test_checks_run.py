"""Commands that are checks: which tool, of what, and whether they passed."""

from __future__ import annotations

import pytest

from hybrid_coordinator.domain.checks_run import Check, checks_of, last_runs
from hybrid_coordinator.domain.turns import Action, ActionKind


def ran(command: str, code: int | None = 0, printed: str = "") -> Action:
    return Action(ActionKind.COMMAND, command, code == 0, code, printed)


def told(command: str, code: int | None = 0, printed: str = "") -> list[tuple[str, bool | None]]:
    return [
        (f"{each.kind}:{each.tool}", each.passed)
        for each in checks_of([ran(command, code, printed)])
    ]


@pytest.mark.parametrize(
    ("command", "check"),
    [
        ("pytest", "test:pytest"),
        ("python -m pytest -q tests/unit", "test:pytest"),
        ("python3.12 -m unittest discover", "test:unittest"),
        (".venv/bin/pytest -x", "test:pytest"),
        ("uv run pytest", "test:pytest"),
        ("poetry run pytest -k login", "test:pytest"),
        ("FOO=1 BAR=2 pytest", "test:pytest"),
        ("timeout 60 pytest", "test:pytest"),
        ("time npx jest src", "test:jest"),
        ("coverage run -m pytest", "test:pytest"),
        ("tox -e py312", "test:tox"),
        ("nox", "test:nox"),
        ("python manage.py test shop", "test:manage.py test"),
        ("python tests/test_login.py", "test:test_login.py"),
        ("npm test", "test:npm test"),
        ("npm run test:unit", "test:npm test:unit"),
        ("yarn test", "test:yarn test"),
        ("pnpm run test", "test:pnpm test"),
        ("bun test", "test:bun test"),
        ("npx vitest run", "test:vitest"),
        ("./node_modules/.bin/mocha", "test:mocha"),
        ("cargo test --all", "test:cargo test"),
        ("cargo +nightly test", "test:cargo test"),
        ("cargo build --release", "build:cargo build"),
        ("cargo check", "build:cargo check"),
        ("cargo clippy -- -D warnings", "lint:cargo clippy"),
        ("go test ./...", "test:go test"),
        ("go build ./cmd/x", "build:go build"),
        ("go vet ./...", "lint:go vet"),
        ("make test", "test:make test"),
        ("make check", "test:make check"),
        ("make", "build:make"),
        ("make -j4 lint", "lint:make lint"),
        ("mvn -q verify", "test:mvn verify"),
        ("./mvnw package", "build:mvnw package"),
        ("./gradlew :app:testDebugUnitTest", "test:gradlew :app:testDebugUnitTest"),
        ("gradle assemble", "build:gradle assemble"),
        ("ctest --output-on-failure", "test:ctest"),
        ("cmake --build build", "build:cmake --build"),
        ("dotnet test", "test:dotnet test"),
        ("ruff check .", "lint:ruff"),
        ("ruff format --check .", "lint:ruff"),
        ("mypy src", "lint:mypy"),
        ("npx tsc --noEmit", "build:tsc"),
        ("npx eslint .", "lint:eslint"),
        ("npm run lint", "lint:npm lint"),
        ("black --check .", "lint:black"),
        ("phpunit", "test:phpunit"),
        ("php artisan test", "test:artisan test"),
        ("bundle exec rspec spec/a_spec.rb", "test:rspec"),
        ("rake spec", "test:rake spec"),
        ("mix test", "test:mix test"),
        ("swift test", "test:swift test"),
        ("flutter test", "test:flutter test"),
        ("npm run build", "build:npm build"),
        ("cd web && npm test", "test:npm test"),
        ("source .venv/bin/activate && pytest", "test:pytest"),
        ("(cd api && pytest)", "test:pytest"),
        ("make build; echo done", "build:make build"),
        ("./run_tests.sh", "test:run_tests"),
    ],
)
def test_a_check_is_known_by_its_command(command: str, check: str) -> None:
    assert [name for name, _ in told(command)] == [check]


@pytest.mark.parametrize(
    "command",
    [
        "ls tests",
        "cat pytest.ini",
        "pip install pytest",
        "npm install jest",
        "npm ci",
        "git commit -m 'run pytest'",
        "echo pytest",
        "pytest --version",
        "pytest --collect-only",
        "ruff format .",
        "black .",
        "test -f pytest.ini",
        "grep -r pytest .",
        "python script.py",
        "make clean",
        "go run .",
        "cargo add serde",
        "cat > run.sh <<'EOF'\npytest\nEOF",
        "echo 'unfinished",
        "x" * 30_000,
        "",
    ],
)
def test_other_commands_are_none(command: str) -> None:
    assert told(command) == []


PYTEST_PASSED = "....\n=== 4 passed in 0.1s ==="
PYTEST_FAILED = "FAILED tests/a.py::b\n=== 1 failed, 3 passed in 0.1s ==="


@pytest.mark.parametrize(
    ("command", "code", "printed", "passed"),
    [
        ("pytest", 0, "", True),
        ("pytest", 1, "", False),
        ("pytest", 2, "", False),
        ("pytest", 5, "no tests ran", None),
        ("pytest", 4, "ERROR: file or directory not found: x", None),
        ("pytest", 127, "pytest: command not found", None),
        ("pytest", 124, "", None),
        ("pytest", 137, "", None),
        ("pytest", 1, "No module named pytest", None),
        ("pytest", None, "", None),
        # The exit status is another program's: only what was printed tells.
        ("pytest | tail -3", 0, PYTEST_PASSED, True),
        ("pytest | tail -3", 0, PYTEST_FAILED, False),
        ("pytest | tail -3", 0, "", None),
        ("pytest 2>&1 | tee log", 0, PYTEST_FAILED, False),
        ("set -o pipefail; pytest | tail -3", 0, "", True),
        ("set -o pipefail; pytest | tail -3", 1, "", False),
        ("pytest || true", 0, PYTEST_FAILED, False),
        ("test -d build || pytest", 0, "", None),
        ("test -d build || pytest", 0, PYTEST_PASSED, True),
        ("pytest; echo $?", 0, PYTEST_PASSED, True),
        ("pytest; ls", 1, "", None),
        ("npm ci && npm test", 0, "", True),
        ("npm ci && npm test", 1, "npm ERR! network", False),
        ("cd x && pytest", 1, "", False),
        ("npm test", 1, "npm ERR! Missing script: test", None),
        ("go test ./...", 0, "?   x [no test files]", None),
        ("go test ./... | cat", 0, "ok  \tgithub.com/x/y\t0.01s", True),
        ("go test ./... | cat", 0, "--- FAIL: TestX\nFAIL\tx 0.1s", False),
        ("cargo test | tail", 0, "test result: ok. 4 passed; 0 failed; 0 ignored", True),
        ("cargo test | tail", 0, "test result: FAILED. 3 passed; 1 failed", False),
        ("npx jest | cat", 0, "Tests:       1 failed, 5 passed, 6 total", False),
        ("npx jest | cat", 0, "Tests:       6 passed, 6 total", True),
        ("npx vitest run | cat", 0, "      Tests  7 passed (7)", True),
        ("mvn test | tail", 0, "[INFO] BUILD SUCCESS", True),
        ("mvn test | tail", 0, "[INFO] BUILD FAILURE", False),
        ("python -m unittest | cat", 0, "Ran 3 tests in 0.001s\n\nOK", True),
        ("python -m unittest | cat", 0, "Ran 3 tests in 0.001s\n\nFAILED (failures=1)", False),
        ("ruff check . | cat", 0, "All checks passed!", True),
        ("ruff check . | cat", 0, "Found 3 errors.", False),
        ("mypy | tail -1", 0, "Success: no issues found in 3 source files", True),
        ("npx tsc | head", 0, "a.ts(1,1): error TS2322: no", False),
        ("rspec | tail -2", 0, "9 examples, 0 failures", True),
        ("npx mocha | cat", 0, "  4 passing (5ms)\n  1 failing", False),
        ("ctest | tail", 0, "100% tests passed, 0 tests failed out of 5", True),
    ],
)
def test_how_a_check_ended(
    command: str, code: int | None, printed: str, passed: bool | None
) -> None:
    ((_, how),) = told(command, code, printed)
    assert how is passed


def test_several_checks_in_one_line_passed_together() -> None:
    assert told("ruff check . && mypy && pytest", 0) == [
        ("lint:ruff", True),
        ("lint:mypy", True),
        ("test:pytest", True),
    ]


def test_which_of_several_checks_failed_is_not_told_by_the_exit_status() -> None:
    assert told("ruff check . && pytest", 1) == [("lint:ruff", None), ("test:pytest", None)]


def lasting(*actions: Action) -> list[tuple[str, bool | None, bool]]:
    return [
        (check.command, check.passed, before) for check, before in last_runs(checks_of(actions))
    ]


def test_the_last_run_counts() -> None:
    assert lasting(ran("pytest", 1), ran("pytest", 0)) == [("pytest", True, True)]
    assert lasting(ran("pytest", 0), ran("pytest", 1)) == [("pytest", False, False)]


def test_a_run_of_everything_covers_one_of_a_part_but_not_the_other_way_round() -> None:
    assert lasting(ran("pytest tests/a.py", 1), ran("pytest -q", 0)) == [("pytest -q", True, True)]
    whole = ran("pytest # all of it", 0)
    assert lasting(ran("pytest tests/a.py", 1), whole) == [(whole.subject, True, True)]
    assert lasting(ran("pytest -q", 1), ran("pytest tests/a.py", 0)) == [
        ("pytest -q", False, False),
        ("pytest tests/a.py", True, False),
    ]
    assert lasting(ran("pytest tests/a.py", 1), ran("pytest tests/b.py tests/a.py", 0)) == [
        ("pytest tests/b.py tests/a.py", True, True)
    ]


def test_a_run_that_was_not_told_covers_nothing() -> None:
    assert lasting(ran("pytest", 1), ran("pytest", 124)) == [("pytest", False, False)]


def test_edits_and_other_tools_are_no_checks() -> None:
    steps = [Action(kind, "pytest", True, 0) for kind in (ActionKind.EDIT, ActionKind.TOOL)]
    assert checks_of(steps) == list[Check]()
