"""What part a file plays, by its path."""

from __future__ import annotations

import pytest

from hybrid_coordinator.knowledge.ranking.roles import Role, roles_asked_for, roles_of


@pytest.mark.parametrize(
    ("path", "language", "roles"),
    [
        ("src/routing.py", "python", set()),
        ("src/contest.py", "python", set()),
        ("src/latest/protest.go", "go", set()),
        ("lib/Spectrum.java", "java", set()),
        ("tests/routing.py", "python", {Role.TEST}),
        ("src/test_routing.py", "python", {Role.TEST}),
        ("pkg/routing_test.go", "go", {Role.TEST}),
        ("src/routing.spec.ts", "typescript", {Role.TEST}),
        ("src/__tests__/routing.ts", "typescript", {Role.TEST}),
        ("app/RouterTest.java", "java", {Role.TEST}),
        ("conftest.py", "python", {Role.TEST}),
        ("vendor/lib/a.go", "go", {Role.VENDORED}),
        ("pip/_vendor/idna/core.py", "python", {Role.VENDORED}),
        ("api/service_pb2.py", "python", {Role.GENERATED}),
        ("web/app.min.js", "javascript", {Role.GENERATED}),
        ("lib/models.g.dart", "dart", {Role.GENERATED}),
        ("deprecated/decorator.py", "python", {Role.LEGACY}),
        ("src/compat.py", "python", {Role.LEGACY}),
        ("examples/hello.rs", "rust", {Role.EXAMPLE}),
        ("README.md", "markdown", {Role.PROSE}),
        ("docs/conf.py", "python", {Role.PROSE}),
        ("pyproject.toml", "toml", {Role.DATA}),
        (".github/workflows/ci.yml", "yaml", {Role.DATA, Role.HIDDEN}),
        ("types/index.d.ts", "typescript", {Role.DECLARATIONS}),
        ("core.pyi", "python", {Role.DECLARATIONS}),
    ],
)
def test_a_path_tells_the_part_that_a_file_plays(
    path: str, language: str, roles: set[Role]
) -> None:
    assert roles_of(path, language) == roles


def test_a_question_asks_for_a_part_by_its_words() -> None:
    assert Role.TEST in roles_asked_for(["how", "is", "routing", "tested"])
    assert Role.PROSE in roles_asked_for(["what", "does", "the", "readme", "say"])
    assert Role.DATA in roles_asked_for(["which", "python", "version", "in", "ci"])
    assert roles_asked_for(["how", "are", "routes", "registered"]) == frozenset()
