"""Whether fenced code parses in its language."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.routing.checking.checks import judge
from hybrid_coordinator.routing.checking.fences import Fence
from hybrid_coordinator.routing.checking.parsing import fault

LANGUAGES = ["python", "json", "yaml", "toml", "xml", "diff", "js", "go", "sql", ""]
LAUGHS = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
HUNK = "--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@ def f\n a\n-b\n+c\n+d\n"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("yaml", "a:\n  - b: 1\n    c: [1, 2]\n"),
        ("yaml", "image: {{ .Values.image }}\n"),
        ("yaml", "{% if on %}\na: 1\n{% endif %}\n"),
        ("yaml", "a: 1\n---\nb: 2\n"),
        ("json", '{\n  // strict\n  "a": "http://b/*" /* c */\n}'),
        ("toml", '[a]\nb = "c"\nd = [1, 2]\n'),
        ("toml", "[a]\n...\n"),
        ("xml", '<?xml version="1.0"?>\n<a><b c="d"/></a>'),
        ("xml", "<a/>\n<b>&nbsp;</b>"),
        ("xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
        ("xml", f'<!DOCTYPE a [<!ENTITY e0 "laugh">{LAUGHS}]><a>&e9;</a>'),
        ("diff", HUNK),
        ("diff", f"diff --git a/x b/x\nindex 1..2\n{HUNK}{HUNK}\\ No newline at end of file"),
        ("diff", "- old\n+ new"),
        ("diff", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-b\n+c"),
        ("brainfuck", "]["),
        ("rust", "fn f<'a>(x: &'a str) -> char { '(' }"),
        ("js", "const a = <p>Don't (do it)</p>; // It's :-("),
    ],
)
def test_what_is_well_formed_has_no_fault(language: str, text: str):
    assert fault(Fence(language, text, closed=True)) is None


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("python", "x = 1\ndef f(:\n", "line 2"),
        ("json", '{"a": 1,\n"b": }', "line 2"),
        ("yaml", "a: [1, 2\nb: 3\n", "line"),
        ("yaml", "a: b: c\n", "line 1"),
        ("toml", "a = \n", "does not parse"),
        ("xml", "<a>\n<b></a>", "line 2"),
        ("diff", HUNK.replace("+1,3", "+1,4"), "the last hunk is short"),
        ("diff", HUNK.replace("+1,3", "+1,2"), "line 7"),
        ("diff", HUNK.replace("\n a\n", "\na\n"), "line 4"),
        ("diff", f"{HUNK.replace('+1,3', '+1,4')}@@ -9 +9 @@\n-e\n+f\n", "line 8"),
        ("rust", "fn f() { g(", "brackets do not balance"),
    ],
)
def test_what_is_not_is_told_with_its_place(language: str, text: str, said: str):
    assert said in (fault(Fence(language, text, closed=True)) or "")
    verdict = judge(f"Here:\n```{language}\n{text}\n```", prompt="Write it, please.")
    assert verdict.confidence < 0.7
    assert any(line.startswith(language) and said in line for line in verdict.reasons)


@given(st.sampled_from(LANGUAGES), st.text(max_size=300))
def test_any_block_is_parsed(language: str, text: str):
    fault(Fence(language, text, closed=True))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "piece",
    ["[", "{", "(", "<a>", "- ", "a: ", "&a *a ", "@@ -9 +9 @@\n", "'", '"\\', "`\\", "'\\", "/*"],
)
def test_hostile_blocks_take_bounded_time(language: str, piece: str):
    began = time.perf_counter()
    fault(Fence(language, piece * (150_000 // len(piece)), closed=True))
    assert time.perf_counter() - began < 3
