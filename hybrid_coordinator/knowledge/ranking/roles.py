"""What part a file plays in its project, told by its path: code, or something beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import PurePosixPath


class Role(StrEnum):
    """A part that is rarely what a question about a project is about."""

    TEST = "test"
    EXAMPLE = "example"
    VENDORED = "vendored"
    GENERATED = "generated"
    LEGACY = "legacy"
    PROSE = "prose"
    DATA = "data"
    HIDDEN = "hidden"
    DECLARATIONS = "declarations"


def _sets(words: Mapping[Role, str]) -> Mapping[Role, frozenset[str]]:
    return {role: frozenset(listed.split()) for role, listed in words.items()}


_FOLDERS = _sets(
    {
        Role.TEST: "test tests testing __tests__ spec specs e2e testdata fixtures mocks __mocks__",
        Role.EXAMPLE: (
            "example examples demo demos sample samples bench benches benchmark benchmarks "
            "tutorial tutorials playground"
        ),
        Role.VENDORED: (
            "vendor vendored _vendor _vendored third_party third-party thirdparty 3rdparty "
            "bower_components"
        ),
        Role.GENERATED: "generated __generated__ gen autogen dist",
        Role.LEGACY: "legacy deprecated obsolete old compat _compat backports",
        Role.PROSE: "doc docs documentation",
    }
)
_TEST_FILE = re.compile(r"(?:test|conftest)s?|tests?[_-].*|.*[._-](?:tests?|spec|e2e)|.*_suite")
_TEST_CLASS = re.compile(r".*[a-z0-9](?:Tests?|TestCase|Spec|IT)")
"""As languages name them whose files are named for classes: ``RouterTest.java``."""
_GENERATED_FILE = re.compile(
    r".*(?:[._-](?:min|bundle|generated|g|pb|pb2|pb2_grpc|gen)|_generated)"
)

_PROSE_LANGUAGES = frozenset({"asciidoc", "html", "latex", "markdown", "org", "rst", "text"})
_DATA_LANGUAGES = frozenset(
    {"css", "gomod", "ini", "json", "json5", "jsonc", "properties", "toml", "xml", "yaml"}
)

_ASKED_BY = _sets(
    {
        Role.TEST: "test tests tested testing spec specs fixture fixtures mock mocks",
        Role.EXAMPLE: "example examples demo demos sample samples benchmark benchmarks tutorial",
        Role.VENDORED: "vendor vendored bundled",
        Role.GENERATED: "generated minified bundle",
        Role.LEGACY: "legacy deprecated deprecation obsolete old compat compatibility",
        Role.PROSE: (
            "doc docs documentation documented readme changelog changes guide tutorial licence "
            "license contributing install installation"
        ),
        Role.DATA: (
            "config configuration configured setting settings yaml toml json xml css style styles "
            "dependency dependencies version versions ci workflow workflows manifest"
        ),
        Role.HIDDEN: "ci workflow workflows github gitlab action actions hook hooks",
        Role.DECLARATIONS: "declaration declarations typing typings stub stubs",
    }
)


@lru_cache(8192)
def roles_of(path: str, language: str) -> frozenset[Role]:
    """The parts that the file at ``path`` (posix, relative to the project) plays beside code;
    mostly none."""
    place = PurePosixPath(path)
    folders = {folder.lower() for folder in place.parts[:-1]}
    stem = place.stem.lower()
    found = {role for role, names in _FOLDERS.items() if folders & names}
    if _TEST_FILE.fullmatch(stem) or _TEST_CLASS.fullmatch(place.stem):
        found.add(Role.TEST)
    if _GENERATED_FILE.fullmatch(stem):
        found.add(Role.GENERATED)
    if stem in _FOLDERS[Role.LEGACY]:
        found.add(Role.LEGACY)
    if language in _PROSE_LANGUAGES:
        found.add(Role.PROSE)
    if language in _DATA_LANGUAGES:
        found.add(Role.DATA)
    if any(part.startswith(".") for part in place.parts):
        found.add(Role.HIDDEN)
    if place.name.endswith((".d.ts", ".pyi")):
        found.add(Role.DECLARATIONS)
    return frozenset(found)


def roles_asked_for(words: Iterable[str]) -> frozenset[Role]:
    """The parts that a question names with its words (in lower case)."""
    asked = set(words)
    return frozenset(role for role, names in _ASKED_BY.items() if asked & names)
