"""What is defined where, in many languages: names, kinds, parents, documentation, and what of it
each chunk says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_coordinator.knowledge.code.chunks import Chunk, cut
from hybrid_coordinator.knowledge.code.languages import detect_language
from hybrid_coordinator.knowledge.code.pieces import MAX_CHUNK_CHARACTERS, Lines
from hybrid_coordinator.knowledge.code.syntax import split_by_syntax
from tests.knowledge.code.outlines_functional import OUTLINES as FUNCTIONAL
from tests.knowledge.code.outlines_scripting import OUTLINES as SCRIPTING
from tests.knowledge.code.outlines_typed import OUTLINES as TYPED
from tests.knowledge.code.test_code_chunks import check

OUTLINES = TYPED | SCRIPTING | FUNCTIONAL


def chunks_of(name: str, text: str) -> tuple[Chunk, ...]:
    result = cut(text, detect_language(name))
    assert result.problem is None
    check(text, result.chunks)
    return result.chunks


def outline(name: str, text: str) -> list[str]:
    grammar = detect_language(name).grammar
    assert grammar is not None
    found = split_by_syntax(Lines(text), text.encode(), grammar).definitions
    return [
        f"{each.line + 1} {each.kind} {each.symbol}" + (f" < {each.within}" if each.within else "")
        for each in sorted(found, key=lambda each: each.line)
    ]


@pytest.mark.parametrize("name", sorted(OUTLINES))
def test_outline(name: str) -> None:
    text, expected = OUTLINES[name]

    assert outline(name, text) == [line.strip() for line in expected.split("\n") if line.strip()]


def test_there_are_many_languages() -> None:
    assert len({detect_language(name).grammar for name in OUTLINES}) > 30


@pytest.mark.parametrize("name", sorted(OUTLINES))
def test_every_line_is_in_one_chunk(name: str) -> None:
    """However often the source is repeated and whatever its lines are filled up with. What a chunk
    says it defines is in it."""
    text = OUTLINES[name][0]
    for source in (text, text * 3, text.replace("\n", " " * 90 + "\n"), text.replace("\n", "\r\n")):
        for chunk in chunks_of(name, source):
            words = chunk.text.lower()  # "Companion" is said "companion" there
            assert all(each.lower() in words for each in chunk.defines if each.isalnum())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_broken_sources(data: st.DataObject) -> None:
    """Real sources with pieces cut out, doubled and put elsewhere."""
    name = data.draw(st.sampled_from(sorted(OUTLINES)))
    text = OUTLINES[name][0] * data.draw(st.integers(1, 3))
    for _ in range(data.draw(st.integers(0, 5))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 200)))
        middle = data.draw(st.sampled_from(["", "{", "}", "(", "end\n", "\n\n", '"', "/*", "= "]))
        text = text[:start] + middle + text[end:] + text[start:end]
    chunks_of(name, text)


BODY = "".join(f"    call_{n}(one, two, three, four);\n" for n in range(6))


def test_what_a_method_says_of_itself() -> None:
    text = (
        "package shop;\n\n/** Carts. */\npublic class Cart {\n    private int count = 0;\n    "
        'private String name = "A name that is long enough for this to stand by itself";\n\n'
        "    /**\n     * Adds an item.\n     * @param item which\n     */\n    @Override\n"
        f"    public int add(\n        Item item,\n        int many) {{\n{BODY * 7}    }}\n}}\n"
    )
    header, add = chunks_of("Cart.java", text)[:2]

    assert (header.symbol, header.kind, header.signature) == ("Cart", "class", "public class Cart")
    assert (header.purpose, header.parent, header.defines) == (
        "Carts.",
        None,
        ("Cart", "count", "name"),
    )
    assert add.text.startswith("    /**\n     * Adds an item.")
    assert (add.symbol, add.kind, add.parent) == ("Cart.add", "method", "Cart")
    assert add.signature == "public int add( Item item, int many)"
    assert (add.purpose, add.context) == ("Adds an item.", ("public class Cart",))
    assert add.defines == ("add",)


def test_what_goes_on_does_not_define_again() -> None:
    text = f"function long() {{\n{BODY * 12}}}\n"
    first, *others = chunks_of("a.js", text)

    assert first.defines == ("long",)
    assert [(chunk.symbol, chunk.defines) for chunk in others] == [("long", ())] * len(others)
    assert others


def test_a_chunk_of_several_definitions_names_them_all() -> None:
    text = (
        "class Cart {\n" + "".join(f"    int get{n}() {{ return {n}; }}\n" for n in range(9)) + "}"
    )
    (chunk,) = chunks_of("Cart.java", text)

    assert chunk.defines == ("Cart", *(f"get{n}" for n in range(9)))
    assert (chunk.symbol, chunk.parent) == ("Cart", None)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        (
            "a.hs",
            "-- | Gives it.\nsize :: Int -> Int\n",
            "size n = n * long + words + and + more\n",
        ),
        ("a.ts", "function size(a: string): void;\n", "function size(a: any) { return long; }\n"),
        ("a.erl", "-spec size(integer()) -> integer().\n", "size(N) -> long_name(N, and_more).\n"),
        ("a.ex", "def size(0), do: long_name\n", "def size(n), do: long_name(n, and_more)\n"),
    ],
)
def test_what_defines_one_name_stays_together(name: str, one: str, other: str) -> None:
    pairs = [one + other, (one + other).replace("size", "area")]
    text = "\n".join(pair * 6 for pair in pairs)
    chunks = chunks_of(name, text)

    assert [(chunk.symbol, chunk.defines) for chunk in chunks if "size" in chunk.text] == [
        ("size", ("size",))
    ]


@pytest.mark.parametrize(
    ("name", "text", "purpose"),
    [
        ("a.rs", "/// Makes it.\n#[derive(Debug)]\npub struct A {}\n", "Makes it."),
        ("a.rs", "#[derive(Debug)]\npub struct A {}\n", "pub struct A"),
        ("a.go", "// Get gets.\nfunc Get() {}\n", "Get gets."),
        ("a.cs", "/// <summary>\n/// Holds it.\n/// </summary>\nclass A {}\n", "Holds it."),
        ("a.hs", "-- | Gives f.\nf :: Int\nf = 1\n", "Gives f."),
        ("a.ex", '@doc """\nGives f.\n"""\ndef f, do: 1\n', "Gives f."),
        ("a.lua", "--- Gives f.\nfunction f() end\n", "Gives f."),
        ("a.R", "#' Gives f.\nf <- function() 1\n", "Gives f."),
        ("a.hpp", "/** \\brief Gives f. */\nint f();\n", "Gives f."),
        ("a.graphql", '"""\nA cart.\n"""\ntype Cart { a: Int }\n', "A cart."),
        ("a.js", 'function f() {\n  "use strict";\n}\n', "function f()"),
        ("a.c", "/*\n * Copyright 2020\n */\n\n/* Gives f. */\nint f(void) {\n}\n", "Gives f."),
    ],
)
def test_documentation_is_of_what_follows(name: str, text: str, purpose: str) -> None:
    assert [chunk.purpose for chunk in chunks_of(name, text)] == [purpose]


def test_a_header_of_objective_c() -> None:
    text = (
        "#import <A.h>\nNS_SWIFT_NAME(Cart)\n@interface SHCart : NSObject\n"
        "@property (nonatomic, copy) NSString *name;\n- (void)add:(int)item to:(int)place;\n@end\n"
        "typedef NS_ENUM(NSInteger, SHState) {\n  SHStateOpen,\n};\n"
    )
    (chunk,) = chunks_of("SHCart.h", text)

    assert chunk.defines == ("SHCart", "name", "add", "SHState", "SHStateOpen")


@pytest.mark.parametrize(
    "page",
    [
        "<template>\n  <p>{{ a }}</p>\n</template>\n\n<script setup lang='ts'>\nCODE</script>\n",
        "<script>\nCODE</script>\n\n<p>Text</p>\n<style>\n.a { b: c }\n</style>\n",
    ],
)
@pytest.mark.parametrize("suffix", [".vue", ".svelte"])
def test_the_script_of_a_page(page: str, suffix: str) -> None:
    code = f"const limit = 3;\n\nfunction load(url) {{\n{BODY * 5}}}\n"
    text = page.replace("CODE", code)
    chunks = chunks_of(f"a{suffix}", text)

    (load,) = (chunk for chunk in chunks if "load" in chunk.defines)
    assert (load.symbol, load.kind, load.signature) == ("load", "function", "function load(url)")


def test_variables_name_a_chunk_only_where_they_are_most_of_it() -> None:
    small = "".join(f"LIMIT_{n} = {n}\n" for n in range(9))
    large = "TABLE = {\n" + "".join(f"    'key {n}': {n},\n" for n in range(40)) + "}\n"
    (one,) = chunks_of("a.py", small)
    (both,) = chunks_of("a.py", f"LIMIT = 1\n{large}")

    assert (one.symbol, one.kind, len(one.defines)) == (None, "block", 9)
    assert (both.symbol, both.kind, both.defines) == ("TABLE", "variable", ("LIMIT", "TABLE"))


def test_a_class_with_the_macro_of_a_library() -> None:
    text = "class SHOP_API(1) Cart final : public Base {\n  int total();\n};\nclass OTHER;\n"

    assert outline("a.hpp", text) == ["1 class Cart", "2 method Cart.total < Cart"]


@pytest.mark.parametrize(
    ("name", "text", "sections"),
    [
        ("a.adoc", "= Guide\n\nT\n\n== Use\n\n----\n== no\n----\n\nT\n", ["Guide", "Guide > Use"]),
        ("a.org", "* Guide\nT\n** TODO Use\nT\n* Other\nT\n", ["Guide", "Guide > Use", "Other"]),
        ("a.tex", "\\section{Guide}\nT\n\\subsection*{Use}\nT\n", ["Guide", "Guide > Use"]),
    ],
)
def test_prose_is_cut_at_headings(name: str, text: str, sections: list[str]) -> None:
    long = text.replace("T\n", "Words and words.\n" * 20)
    chunks = chunks_of(name, long)

    assert [chunk.symbol for chunk in chunks] == sections
    assert [chunk.defines for chunk in chunks] == [(s.rpartition(" > ")[2],) for s in sections]
    assert chunks[1].parent == "Guide"
    assert all(len(chunk.text) <= MAX_CHUNK_CHARACTERS for chunk in chunks)


@pytest.mark.parametrize(
    "text",
    [
        "class A " * 30_000,
        "var a = 1, " * 30_000,
        "a = function() { " * 5_000,
        "{ a() { } } " * 20_000,
        "NS_ENUM(NSA, " * 20_000,
        "<script>\nf()\n</script>\n" * 5_000,
    ],
)
@pytest.mark.parametrize("name", ["a.cpp", "a.js", "a.vue"])
def test_hostile_lines(name: str, text: str) -> None:
    result = cut(text, detect_language(name))
    check(text, result.chunks)
